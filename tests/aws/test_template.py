"""deploy/aws/holdfast.yaml makes what the app needs, and no more is allowed than that. (That it is well-formed, `make check` asks cfn-lint.)"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.aws.stack import ACCOUNT, FIRST, SECOND, both_stacks, client, properties

__all__ = ["both_stacks"]
SOURCES, REPLICA, RENDITIONS = (f"holdfast-{what}-{ACCOUNT}-{region}" for what, region in (("sources", FIRST), ("sources", SECOND), ("renditions", FIRST)))


def statements(policy: str) -> dict[str, dict[str, Any]]:
    iam = client("iam")
    arn = f"arn:aws:iam::{ACCOUNT}:policy/{policy}"
    document = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]["Document"]
    return {statement.get("Sid", str(number)): statement for number, statement in enumerate(document["Statement"])}


@pytest.mark.usefixtures("both_stacks")
def test_pages_may_send_parts_to_the_sources_and_play_the_renditions() -> None:
    (parts,) = client("s3").get_bucket_cors(Bucket=SOURCES)["CORSRules"]
    assert (parts["AllowedOrigins"], parts["AllowedMethods"], parts["ExposeHeaders"]) == (["https://holdfast.example"], ["PUT"], ["ETag"])
    (playback,) = client("s3").get_bucket_cors(Bucket=RENDITIONS)["CORSRules"]
    assert (playback["AllowedOrigins"], playback["AllowedMethods"], playback["AllowedHeaders"]) == (["https://holdfast.example"], ["GET", "HEAD"], ["range"])


@pytest.mark.usefixtures("both_stacks")
@pytest.mark.parametrize(("bucket", "region"), [(SOURCES, FIRST), (REPLICA, SECOND), (RENDITIONS, FIRST)])
def test_buckets_are_closed_encrypted_and_tidy(bucket: str, region: str) -> None:
    s3 = client("s3", region)
    assert set(s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"].values()) == {True}
    (rule,) = s3.get_bucket_encryption(Bucket=bucket)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"].startswith(f"arn:aws:kms:{region}:")
    refused = {statement["Sid"]: statement for statement in json.loads(s3.get_bucket_policy(Bucket=bucket)["Policy"])["Statement"]}
    assert refused["EncryptedLinesOnly"]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {statement["Effect"] for statement in refused.values()} == {"Deny"}, "nobody is let in by the bucket itself"
    rules = s3.get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
    days = [rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules if "AbortIncompleteMultipartUpload" in rule]
    assert days == ([3] if bucket == RENDITIONS else [9])


@pytest.mark.usefixtures("both_stacks")
def test_unfinished_uploads_are_thrown_away_only_after_we_have_given_them_up(settings: Any) -> None:
    rules = client("s3").get_bucket_lifecycle_configuration(Bucket=SOURCES)["Rules"]
    days = min(rule["AbortIncompleteMultipartUpload"]["DaysAfterInitiation"] for rule in rules if "AbortIncompleteMultipartUpload" in rule)
    assert days * 86_400 > settings.UPLOAD_EXPIRY_SECONDS + 86_400


@pytest.mark.usefixtures("both_stacks")
def test_sources_have_a_replica_that_forgets_what_is_deleted() -> None:
    (rule,) = client("s3").get_bucket_replication(Bucket=SOURCES)["ReplicationConfiguration"]["Rules"]
    assert rule["Destination"]["Bucket"] == f"arn:aws:s3:::{REPLICA}"
    assert rule["Destination"]["EncryptionConfiguration"]["ReplicaKmsKeyID"] == f"arn:aws:kms:{SECOND}:{ACCOUNT}:alias/holdfast"
    (asked,) = properties(FIRST)["Sources"]["ReplicationConfiguration"]["Rules"]  # moto answers with something else here
    assert (rule["Status"], asked["DeleteMarkerReplication"]["Status"], asked["Filter"]["Prefix"]) == ("Enabled", "Enabled", "uploads/")
    for bucket, region in ((SOURCES, FIRST), (REPLICA, SECOND)):
        assert client("s3", region).get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled", "replication asks for it"
        rules = client("s3", region).get_bucket_lifecycle_configuration(Bucket=bucket)["Rules"]
        assert [rule["NoncurrentVersionExpiration"]["NoncurrentDays"] for rule in rules if "NoncurrentVersionExpiration" in rule] == [1]
    assert "alias/holdfast" in [alias["AliasName"] for alias in client("kms", SECOND).list_aliases()["Aliases"]]


@pytest.mark.usefixtures("both_stacks")
@pytest.mark.parametrize("region", [FIRST, SECOND])
def test_news_of_our_own_jobs_come_to_the_queue_and_what_cannot_be_used_to_the_dead(region: str) -> None:
    sqs, events = client("sqs", region), client("events", region)
    rule = events.describe_rule(Name="holdfast-mediaconvert")
    assert json.loads(rule["EventPattern"]) == {
        "source": ["aws.mediaconvert"],
        "detail-type": ["MediaConvert Job State Change"],
        "detail": {"userMetadata": {"env": ["production"]}},
    }
    (target,) = events.list_targets_by_rule(Rule="holdfast-mediaconvert")["Targets"]
    queue, dead = (f"arn:aws:sqs:{region}:{ACCOUNT}:holdfast-events{end}" for end in ("", "-dead"))
    assert (target["Arn"], target["DeadLetterConfig"]["Arn"], rule["State"]) == (queue, dead, "ENABLED")
    found = sqs.get_queue_attributes(QueueUrl=sqs.get_queue_url(QueueName="holdfast-events")["QueueUrl"], AttributeNames=["All"])["Attributes"]
    assert json.loads(found["RedrivePolicy"]) == {"deadLetterTargetArn": dead, "maxReceiveCount": 5}
    assert (found["VisibilityTimeout"], found["QueueArn"]) == ("60", queue)
    allowed, refused = json.loads(found["Policy"])["Statement"]
    assert (allowed["Principal"], allowed["Action"], allowed["Resource"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage", [queue, dead])
    assert allowed["Condition"] == {"ArnEquals": {"aws:SourceArn": rule["Arn"]}}
    assert refused["Effect"] == "Deny"


@pytest.mark.usefixtures("both_stacks")
def test_an_event_of_ours_arrives_and_one_of_another_installation_does_not() -> None:
    sqs, events = client("sqs"), client("events")
    url = sqs.get_queue_url(QueueName="holdfast-events")["QueueUrl"]
    for environment in ("staging", "production"):
        detail = json.dumps({"status": "COMPLETE", "jobId": environment, "userMetadata": {"env": environment}})
        events.put_events(Entries=[{"Source": "aws.mediaconvert", "DetailType": "MediaConvert Job State Change", "Detail": detail}])
    messages = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, WaitTimeSeconds=0).get("Messages", [])
    assert [json.loads(message["Body"])["detail"]["jobId"] for message in messages] == ["production"]


@pytest.mark.usefixtures("both_stacks")
def test_the_app_may_do_its_work_and_nothing_else() -> None:
    app = statements("holdfast-app")
    everything = [action for statement in app.values() for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])]
    assert not [action for action in everything if "*" in action]
    assert app["LendMediaConvertItsRole"]["Resource"] == f"arn:aws:iam::{ACCOUNT}:role/holdfast-mediaconvert"
    assert app["LendMediaConvertItsRole"]["Condition"] == {"StringEquals": {"iam:PassedToService": "mediaconvert.amazonaws.com"}}
    assert set(app["Objects"]["Resource"]) == {f"arn:aws:s3:::{SOURCES}/uploads/*", f"arn:aws:s3:::{RENDITIONS}/*"}
    unbound = [sid for sid, statement in app.items() if statement["Resource"] == "*"]
    assert unbound == ["FindJobs"]
    assert app["FindJobs"]["Condition"] == {"StringEquals": {"aws:RequestedRegion": [FIRST, SECOND]}}


@pytest.mark.usefixtures("both_stacks")
def test_the_doctor_may_change_nothing() -> None:
    actions = [action for statement in statements("holdfast-doctor").values() for action in statement["Action"]]
    assert [action for action in actions if not action.split(":")[1].startswith(("Get", "List", "Describe", "Simulate"))] == []


@pytest.mark.usefixtures("both_stacks")
def test_mediaconvert_takes_its_role_for_this_account_only() -> None:
    role = client("iam").get_role(RoleName="holdfast-mediaconvert")["Role"]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "mediaconvert.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    (policy,) = properties(FIRST)["MediaConvertRole"]["Policies"]
    written = next(statement for statement in policy["PolicyDocument"]["Statement"] if statement["Sid"] == "WriteRenditions")
    assert written["Resource"] == f"arn:aws:s3:::{RENDITIONS}/*"


@pytest.mark.usefixtures("both_stacks")
def test_alarms_watch_old_news_dead_news_and_failed_jobs() -> None:
    alarms = {alarm["AlarmName"]: alarm for alarm in client("cloudwatch").describe_alarms()["MetricAlarms"]}
    assert {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms.values()} == {
        ("AWS/SQS", "ApproximateAgeOfOldestMessage"),
        ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
        ("AWS/Events", "FailedInvocations"),
        ("AWS/MediaConvert", "JobsErroredCount"),
    }
    assert {tuple(alarm["AlarmActions"]) for alarm in alarms.values()} == {(f"arn:aws:sns:{FIRST}:{ACCOUNT}:holdfast-alarms",)}
