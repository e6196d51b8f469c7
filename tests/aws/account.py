"""An account as deploy/aws/holdfast.yaml leaves it, the settings that fit it, and what moto does not answer answered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from processing.account import quotas
from processing.engines.mediaconvert import client as converter
from tests.aws.scripted import answered
from tests.aws.stack import ACCOUNT, FIRST, SECOND, client
from tests.emulator import FakeMediaConvert
from uploads.store.s3 import client as uploads_client

ROLE = f"arn:aws:iam::{ACCOUNT}:role/holdfast-mediaconvert"
QUEUES = {region: f"https://sqs.{region}.amazonaws.com/{ACCOUNT}/holdfast-events" for region in (FIRST, SECOND)}
_SIMULATED = """<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member><EvalActionName>iam:PassRole</EvalActionName>
<EvalDecision>{}</EvalDecision></member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>"""


@pytest.fixture
def account(both_stacks: None, settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of the README for both stacks. Clients made for other tests are put aside: they do not know moto."""
    for module in (converter, uploads_client):
        monkeypatch.setattr(module, "_clients", {})
    for name in (f"holdfast-sources-{ACCOUNT}-{FIRST}", f"holdfast-renditions-{ACCOUNT}-{FIRST}"):
        client("s3").delete_bucket_policy(Bucket=name)  # moto refuses everything by it: it does not read conditions
    settings.UPLOAD_STORE = settings.RENDITION_STORE = "s3"
    settings.S3_ENDPOINT_URL, settings.S3_REGION, settings.S3_PREFIX, settings.S3_PART_SIZE = "", FIRST, "uploads/", 5 * 2**20
    settings.S3_BUCKET, settings.RENDITION_BUCKET = f"holdfast-sources-{ACCOUNT}-{FIRST}", f"holdfast-renditions-{ACCOUNT}-{FIRST}"
    settings.RENDITION_PREFIX, settings.BASE_URL, settings.ENVIRONMENT = "renditions/", "https://holdfast.example", "production"
    settings.MEDIACONVERT_REGIONS, settings.MEDIACONVERT_ROLE_ARN = [FIRST, SECOND], ROLE
    settings.MEDIACONVERT_QUEUES = {}
    settings.MEDIACONVERT_SOURCE_BUCKETS = {SECOND: f"holdfast-sources-{ACCOUNT}-{SECOND}"}
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = [QUEUES[FIRST], QUEUES[SECOND]]
    settings.MEDIACONVERT_EVENTS_DLQ_URLS = [f"{QUEUES[FIRST]}-dead", f"{QUEUES[SECOND]}-dead"]


@pytest.fixture
def converting(account: None, emulator_server: FakeMediaConvert, settings: Any) -> FakeMediaConvert:
    """MediaConvert of that account, in both regions."""
    emulator_server.reset()
    settings.MEDIACONVERT_ENDPOINT_URL = emulator_server.url
    return emulator_server


@pytest.fixture
def answering(account: None) -> Iterator[None]:
    """What moto leaves out: simulated permissions, and quotas."""
    with ExitStack() as answers:
        answers.enter_context(permitted("allowed"))
        for region in (FIRST, SECOND):
            answers.enter_context(with_quotas({quotas.CONCURRENT_IN_ACCOUNT: 200, quotas.CONCURRENT_IN_QUEUE: 100}, region=region))
        yield


def permitted(decision: str) -> Any:
    return answered("iam", "SimulatePrincipalPolicy", _SIMULATED.format(decision))


def with_quotas(values: dict[str, float], *, region: str = FIRST) -> Any:
    return answered("service-quotas", "ListServiceQuotas", {"Quotas": [{"QuotaCode": code, "Value": value} for code, value in values.items()]}, region=region)
