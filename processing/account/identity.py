"""Who we are to AWS, and the role we lend to MediaConvert."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings

from resilience.doctor import Finding, failed, ok, warning

from .asking import UNANSWERED, client, looked, words_of

SERVICE = "mediaconvert.amazonaws.com"
_KEYS = "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the machine a role (deploy/aws/README.md)."


@looked(_KEYS)
def keys() -> Finding:
    who = client("sts", settings.S3_REGION).get_caller_identity()
    if ":root" in who["Arn"]:
        return warning(f"We are the root of account {who['Account']}, who may do everything.", "Use a role with the policy holdfast-app instead.")
    return ok(f"We are {who['Arn']} of account {who['Account']}.")


@looked("Set MEDIACONVERT_ROLE_ARN to the stack's output RoleArn.")
def role() -> Finding:
    """The role exists, and MediaConvert may take it."""
    arn = settings.MEDIACONVERT_ROLE_ARN
    found = client("iam", settings.S3_REGION).get_role(RoleName=arn.rpartition("/")[2])["Role"]
    if found["Arn"] != arn:
        return failed(f"There is {found['Arn']}, not {arn}.", "Set MEDIACONVERT_ROLE_ARN to the stack's output RoleArn.")
    trusted = [statement for statement in found["AssumeRolePolicyDocument"].get("Statement", []) if SERVICE in _services(statement)]
    if not trusted:
        return failed(f"{arn} is there, but MediaConvert may not take it.", f"Let {SERVICE} assume it in its trust policy, as deploy/aws/holdfast.yaml does.")
    return ok(f"MediaConvert may take {arn}.")


def lending() -> Finding:
    """We may hand the role over. Only a simulation can tell: a real job would cost something."""
    arn = settings.MEDIACONVERT_ROLE_ARN
    try:
        allowed = simulated(["iam:PassRole"], arn, {"iam:PassedToService": SERVICE})
    except UNANSWERED as error:
        said = f"It could not be simulated ({words_of(error)}); the first job will tell."
        return warning(said, "Allow iam:SimulatePrincipalPolicy (policy holdfast-doctor) to know before.")
    if not allowed:
        return failed(f"We may not pass {arn} to MediaConvert.", "Attach the policy holdfast-app: it allows iam:PassRole for this role.")
    return ok("We may pass the role to MediaConvert.")


def simulated(actions: Sequence[str], resource: str, context: dict[str, str]) -> bool:
    """Ask IAM whether we may do all of this to a resource.

    Raises:
        One of UNANSWERED: it cannot be asked.
    """
    iam = client("iam", settings.S3_REGION)
    who = client("sts", settings.S3_REGION).get_caller_identity()["Arn"]
    if who.endswith(":root"):
        return True
    if ":assumed-role/" in who:
        who = iam.get_role(RoleName=who.split("/")[1])["Role"]["Arn"]
    entries = [{"ContextKeyName": key, "ContextKeyValues": [value], "ContextKeyType": "string"} for key, value in context.items()]
    answer = iam.simulate_principal_policy(PolicySourceArn=who, ActionNames=list(actions), ResourceArns=[resource], ContextEntries=entries)
    return all(result["EvalDecision"] == "allowed" for result in answer["EvaluationResults"])


def _services(statement: dict[str, Any]) -> list[str]:
    principal = statement.get("Principal", {})
    named = principal.get("Service", []) if isinstance(principal, dict) and statement.get("Effect") == "Allow" else []
    return [named] if isinstance(named, str) else list(named)
