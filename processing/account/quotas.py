"""How much of MediaConvert the account may use, by AWS's own numbers."""

from __future__ import annotations

from resilience.doctor import Finding, ok, warning

from .asking import client, looked

# Codes of service-quotas for MediaConvert.
CONCURRENT_IN_ACCOUNT, CONCURRENT_IN_QUEUE, CONCURRENT_IN_DEFAULT_QUEUE, QUEUES = "L-89D4C825", "L-1D14865F", "L-032C4FB4", "L-44E8E4BC"
_WORDS = {CONCURRENT_IN_ACCOUNT: "jobs at once", CONCURRENT_IN_QUEUE: "in one queue", CONCURRENT_IN_DEFAULT_QUEUE: "in the default queue", QUEUES: "queues"}
FEW_AT_ONCE = 20
_ASK_FOR_MORE = "Ask for more in the Service Quotas console of the region; further jobs wait in MediaConvert's queue meanwhile."


@looked("Look at Service Quotas in the AWS console.")
def quotas(region: str) -> Finding:
    found: dict[str, float] = {}
    for page in client("service-quotas", region).get_paginator("list_service_quotas").paginate(ServiceCode="mediaconvert"):
        found |= {quota["QuotaCode"]: quota["Value"] for quota in page["Quotas"]}
    known = [f"{found[code]:g} {words}" for code, words in _WORDS.items() if code in found]
    if not known:
        return warning("AWS names none of the quotas we know.", "Look at Service Quotas in the AWS console.")
    said = f"{', '.join(known)}."
    return warning(said, _ASK_FOR_MORE) if found.get(CONCURRENT_IN_QUEUE, FEW_AT_ONCE) < FEW_AT_ONCE else ok(said)
