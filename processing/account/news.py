"""The way of MediaConvert's news: a rule of EventBridge puts them into our queue, what cannot be used goes to the dead letters."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ClientError
from django.conf import settings

from processing.events.queues import Queue, endpoint_of, queues
from resilience.doctor import Finding, failed, ok, warning

from .asking import client, code_of, is_denied, looked
from .patterns import Unknown, matches

_STACK = "Create it by deploy/aws/holdfast.yaml, and set {setting} to the stack's output."
# A receipt of nobody: SQS refuses it after it has seen that we may ask.
NO_RECEIPT = "AQEB-holdfast-doctor"


def regions() -> Finding:
    """Every region of the chain has a queue for its news."""
    heard = {queue.region for queue in queues()}
    mend = _STACK.format(setting="MEDIACONVERT_EVENTS_QUEUE_URL")
    if not heard:
        return warning("No queue: jobs are asked about one by one, at most one a second.", mend)
    silent = [region for region in settings.MEDIACONVERT_REGIONS if region not in heard]
    if silent:
        return warning(f"No queue is in {', '.join(silent)}: unless a rule there forwards its news, its jobs are asked about one by one.", mend)
    return ok(f"From {', '.join(settings.MEDIACONVERT_REGIONS)}.")


@looked(_STACK.format(setting="MEDIACONVERT_EVENTS_QUEUE_URL"))
def queue(queue: Queue) -> Finding:
    """The queue is there, gives up what it gave out too often, and we may take from it."""
    found = _attributes(queue)
    mend = "Update the stack of deploy/aws/holdfast.yaml."
    redrive = json.loads(found.get("RedrivePolicy", "{}"))
    if not redrive:
        return failed("It has no dead letter queue: news that cannot be used come again for ever.", mend)
    dead = _attributes(queue.dead_letters)["QueueArn"] if queue.dead else redrive["deadLetterTargetArn"]
    if redrive["deadLetterTargetArn"] != dead:
        return failed(f"Its dead letters go to {redrive['deadLetterTargetArn']}, MEDIACONVERT_EVENTS_DLQ_URL is {dead}.", "Set MEDIACONVERT_EVENTS_DLQ_URL.")
    if not _may_delete(queue):
        return failed("We may not take news from it (sqs:DeleteMessage).", "Attach the policy holdfast-app to whoever runs consume_events.")
    return ok(f"{found['ApproximateNumberOfMessages']} wait; after {redrive['maxReceiveCount']} tries they go to the dead letters.")


@looked("Create the rule by deploy/aws/holdfast.yaml.")
def rule(queue: Queue) -> Finding:
    """A rule that is on takes news of our jobs, puts them into the queue, and the queue lets it."""
    found = _attributes(queue)
    events = client("events", queue.region)
    names = events.list_rule_names_by_target(TargetArn=found["QueueArn"])["RuleNames"]
    mend = f"Create it by deploy/aws/holdfast.yaml, with Environment={settings.ENVIRONMENT}."
    if not names:
        return failed("No rule of EventBridge puts anything into the queue.", mend)
    rules = [events.describe_rule(Name=name) for name in names]
    try:
        fitting = [rule for rule in rules if matches(json.loads(rule.get("EventPattern", "{}")), _sample(queue.region))]
    except Unknown as unknown:
        return warning(f"The pattern of {', '.join(names)} uses {unknown}, which we cannot judge.", "Compare it with deploy/aws/holdfast.yaml.")
    if not fitting:
        return failed(f"{', '.join(names)} lets no news of ENVIRONMENT={settings.ENVIRONMENT} through.", mend)
    on = [rule for rule in fitting if rule.get("State") == "ENABLED"]
    if not on:
        return failed(f"{fitting[0]['Name']} is off.", "Enable it: `aws events enable-rule`.")
    if not _lets_in(found.get("Policy", ""), on[0]["Arn"]):
        return failed(f"The queue does not take messages from {on[0]['Name']}.", "Give the queue the policy EventsPolicy of deploy/aws/holdfast.yaml.")
    return ok(f"{on[0]['Name']} puts them into the queue.")


@looked(_STACK.format(setting="MEDIACONVERT_EVENTS_DLQ_URL"))
def dead_letters(queue: Queue) -> Finding:
    if not queue.dead:
        return warning("Not set: the console cannot show or replay news that could not be used.", _STACK.format(setting="MEDIACONVERT_EVENTS_DLQ_URL"))
    waiting = int(_attributes(queue.dead_letters)["ApproximateNumberOfMessages"])
    return warning(f"{waiting} are waiting.", "Look at them in the console, mend what they say, and replay them.") if waiting else ok("None.")


def _sqs(queue: Queue) -> Any:
    return client("sqs", queue.region, endpoint_url=endpoint_of(queue.url))


def _attributes(queue: Queue) -> dict[str, str]:
    answer = _sqs(queue).get_queue_attributes(QueueUrl=queue.url, AttributeNames=["All"])
    return dict(answer["Attributes"])


def _may_delete(queue: Queue) -> bool:
    try:
        _sqs(queue).delete_message(QueueUrl=queue.url, ReceiptHandle=NO_RECEIPT)
    except ClientError as error:
        if is_denied(error):
            return False
        if "ReceiptHandleIsInvalid" not in code_of(error):
            raise
    return True


def _sample(region: str) -> dict[str, Any]:
    """An event as MediaConvert sends it when one of our jobs is done."""
    detail = {"status": "COMPLETE", "jobId": "1", "userMetadata": {"env": settings.ENVIRONMENT, "attempt_id": "a", "job_id": "j", "schema": "1"}}
    return {"source": "aws.mediaconvert", "detail-type": "MediaConvert Job State Change", "region": region, "detail": detail}


def _lets_in(policy: str, rule_arn: str) -> bool:
    """Whether a queue's policy allows EventBridge to send, for this rule."""
    for statement in json.loads(policy or "{}").get("Statement", []):
        principal = statement.get("Principal", {})
        service = principal.get("Service", []) if isinstance(principal, dict) else principal
        if statement.get("Effect") != "Allow" or ("events.amazonaws.com" not in service and service != "*"):
            continue
        condition = json.dumps(statement.get("Condition", {}))
        if "aws:sourcearn" not in condition.lower() or rule_arn in condition or "*" in condition:
            return True
    return False
