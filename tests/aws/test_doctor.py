"""`manage.py doctor --aws` over an account that is as it should be, and over one fault at a time."""

from __future__ import annotations

import io
import json
from contextlib import suppress
from typing import Any

import pytest
from django.core.management import call_command

from processing.account import buckets, converter, identity, lines, news, quotas, replicas
from processing.events.queues import Queue
from processing.events.queues import queues as events_queues
from resilience.doctor import State
from tests.aws.account import account, answering, converting, permitted, with_quotas
from tests.aws.scripted import answered, refused
from tests.aws.stack import ACCOUNT, FIRST, SECOND, both_stacks, client
from tests.emulator import FakeMediaConvert

__all__ = ["account", "answering", "both_stacks", "converting"]
pytestmark = pytest.mark.usefixtures("account")


def bucket(label: str = "Uploads") -> buckets.Bucket:
    return next(one for one in buckets.ours() if one.label == label)


def queue(region: str = FIRST) -> Queue:
    return next(one for one in events_queues() if one.region == region)


@pytest.mark.django_db
@pytest.mark.usefixtures("answering", "converting")
def test_an_account_made_by_the_template_is_fine_in_every_line() -> None:
    out = io.StringIO()
    with suppress(SystemExit):  # what failed is shown below
        call_command("doctor", "--aws", "--json", stdout=out)
    found = {line["name"]: line for line in json.loads(out.getvalue())["checks"]}
    unwell = {name: line for name, line in found.items() if line["state"] != "ok"}
    assert set(unwell) == set(), unwell
    assert len(found) == 27
    assert client("s3").list_objects_v2(Bucket=f"holdfast-renditions-{ACCOUNT}-{FIRST}").get("Contents") is None, "nothing is left of it"


def test_an_installation_without_aws_is_told_so(settings: Any) -> None:
    settings.UPLOAD_STORE, settings.MEDIACONVERT_REGIONS = "disk", []
    ((_name, look),) = lines()
    assert "deploy/aws/README.md" in look().mend


def test_without_keys_the_first_line_says_what_to_set() -> None:
    with refused("sts", "GetCallerIdentity", code="InvalidClientTokenId", status=401):
        found = identity.keys()
    assert (found.state, "AWS_ACCESS_KEY_ID" in found.mend) == (State.FAILED, True)


def test_who_is_root_is_asked_to_use_a_role() -> None:
    who = "<GetCallerIdentityResult><Arn>arn:aws:iam::1:root</Arn><Account>1</Account></GetCallerIdentityResult>"
    with answered("sts", "GetCallerIdentity", f"<GetCallerIdentityResponse>{who}</GetCallerIdentityResponse>"):
        assert identity.keys().state is State.WARNING


def test_a_role_that_is_not_there(settings: Any) -> None:
    settings.MEDIACONVERT_ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    found = identity.role()
    assert (found.state, "MEDIACONVERT_ROLE_ARN" in found.mend) == (State.FAILED, True)


def test_a_role_mediaconvert_may_not_take() -> None:
    iam, before = client("iam"), client("iam").get_role(RoleName="holdfast-mediaconvert")["Role"]["AssumeRolePolicyDocument"]
    statement = {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}
    try:
        iam.update_assume_role_policy(RoleName="holdfast-mediaconvert", PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
        found = identity.role()
    finally:
        iam.update_assume_role_policy(RoleName="holdfast-mediaconvert", PolicyDocument=json.dumps(before))
    assert (found.state, "mediaconvert.amazonaws.com" in found.mend) == (State.FAILED, True)


def test_a_role_we_may_not_lend() -> None:
    with permitted("implicitDeny"):
        found = identity.lending()
    assert (found.state, "iam:PassRole" in found.mend) == (State.FAILED, True)


def test_what_cannot_be_simulated_is_no_fault_of_the_account() -> None:
    with refused("iam", "SimulatePrincipalPolicy"):
        assert identity.lending().state is State.WARNING
    with answered("iam", "SimulatePrincipalPolicy", "<html>no XML", status=500):
        assert identity.lending().state is State.WARNING


@pytest.mark.parametrize("look", [buckets.closed, buckets.cors, buckets.lifecycle], ids=lambda look: look.__name__)
def test_what_we_may_not_look_at_is_a_warning_that_names_the_policy(look: Any) -> None:
    operations = {"closed": "GetPublicAccessBlock", "cors": "GetBucketCors", "lifecycle": "GetBucketLifecycleConfiguration"}
    with refused("s3", operations[look.__name__]):
        found = look(bucket())
    assert (found.state, "holdfast-doctor" in found.mend) == (State.WARNING, True)


def test_a_bucket_that_is_not_there(settings: Any) -> None:
    settings.S3_BUCKET = "nobodys"
    assert buckets.region(bucket()).state is State.FAILED


def test_a_bucket_in_another_region(settings: Any) -> None:
    settings.S3_BUCKET = f"holdfast-sources-{ACCOUNT}-{SECOND}"
    found = buckets.region(bucket())
    assert (found.state, found.mend) == (State.FAILED, f"Set S3_REGION={SECOND}.")


def test_cors_for_another_site_is_of_no_use(settings: Any) -> None:
    settings.BASE_URL = "https://films.example/path"
    found = buckets.cors(bucket())
    assert (found.state, "Origins=https://films.example." in found.mend) == (State.FAILED, True)


@pytest.mark.parametrize("missing", ["AllowedMethods", "AllowedHeaders", "ExposeHeaders"])
def test_cors_that_lacks_one_thing_is_of_no_use(missing: str) -> None:
    s3, name = client("s3"), bucket().name
    (rule,) = s3.get_bucket_cors(Bucket=name)["CORSRules"]
    lacking = {"AllowedMethods": ["GET"], "AllowedHeaders": ["content-type"], "ExposeHeaders": ["x-amz-id-2"]}[missing]
    try:
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule | {missing: lacking}]})
        assert buckets.cors(bucket()).state is State.FAILED
    finally:
        s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [rule]})


def test_a_bucket_without_rules_of_any_kind() -> None:
    with refused("s3", "GetBucketCors", code="NoSuchCORSConfiguration", status=404):
        assert buckets.cors(bucket("Renditions")).state is State.FAILED
    with refused("s3", "GetBucketLifecycleConfiguration", code="NoSuchLifecycleConfiguration", status=404):
        assert buckets.lifecycle(bucket()).state is State.WARNING
    with refused("s3", "GetPublicAccessBlock", code="NoSuchPublicAccessBlockConfiguration", status=404):
        assert buckets.closed(bucket()).state is State.WARNING


def test_a_lifecycle_shorter_than_our_promise(settings: Any) -> None:
    settings.UPLOAD_EXPIRY_SECONDS = 9 * 86_400
    found = buckets.lifecycle(bucket())
    assert (found.state, "11 days" in found.mend) == (State.FAILED, True)
    assert buckets.lifecycle(bucket("Renditions")).state is State.OK, "nobody was promised anything there"


def test_renditions_that_cannot_be_written() -> None:
    with refused("s3", "PutObject"):
        found = buckets.renditions_in_use()
    assert (found.state, "holdfast-app" in found.mend) == (State.FAILED, True)


def test_a_region_without_a_replica(settings: Any) -> None:
    settings.MEDIACONVERT_SOURCE_BUCKETS = {}
    assert replicas.replica(SECOND).state is State.WARNING


def test_a_replica_in_the_wrong_region_or_without_replication(settings: Any) -> None:
    settings.MEDIACONVERT_SOURCE_BUCKETS = {SECOND: settings.S3_BUCKET}
    assert f"is in {FIRST}" in replicas.replica(SECOND).said
    settings.MEDIACONVERT_SOURCE_BUCKETS = {SECOND: f"holdfast-sources-{ACCOUNT}-{SECOND}"}
    with refused("s3", "GetBucketReplication", code="ReplicationConfigurationNotFoundError", status=404):
        assert "nothing of uploads/" in replicas.replica(SECOND).said


def test_a_queue_of_mediaconvert_that_is_not_there_or_paused(converting: FakeMediaConvert, settings: Any) -> None:
    arn = f"arn:aws:mediaconvert:{FIRST}:{ACCOUNT}:queues/holdfast"
    settings.MEDIACONVERT_QUEUES = {FIRST: arn}
    assert converter.answers(FIRST).state is State.FAILED
    paused = {"Arn": arn, "Name": "holdfast", "Status": "PAUSED"}
    with answered("mediaconvert", "ListQueues", {"queues": [{key[0].lower() + key[1:]: value for key, value in paused.items()}]}):
        assert converter.answers(FIRST).state is State.WARNING


def test_a_mediaconvert_that_does_not_answer(settings: Any) -> None:
    settings.MEDIACONVERT_ENDPOINT_URL = "http://127.0.0.1:1"
    found = converter.answers(FIRST)
    assert (found.state, "MEDIACONVERT_ENDPOINT_URL" in found.mend) == (State.FAILED, True)


def test_every_permission_is_tried_and_nothing_is_begun(converting: FakeMediaConvert) -> None:
    assert converter.allowed(FIRST).state is State.OK
    assert converting.journal("job_created") == []
    with refused("mediaconvert", "CreateJob"), refused("mediaconvert", "SearchJobs"):
        found = converter.allowed(FIRST)
    assert (found.state, found.said) == (State.FAILED, "We may not mediaconvert:SearchJobs, mediaconvert:CreateJob.")


def test_quotas_are_told_and_few_are_a_warning() -> None:
    with with_quotas({quotas.CONCURRENT_IN_ACCOUNT: 200, quotas.CONCURRENT_IN_QUEUE: 5}):
        found = quotas.quotas(FIRST)
    assert (found.state, found.said) == (State.WARNING, "200 jobs at once, 5 in one queue.")
    with with_quotas({}):
        assert quotas.quotas(FIRST).state is State.WARNING
    with refused("service-quotas", "ListServiceQuotas", code="InternalFailure", status=500):
        assert "cannot say now" in quotas.quotas(FIRST).said
    with refused("service-quotas", "ListServiceQuotas", code="AccessDeniedException"):
        assert "holdfast-doctor" in quotas.quotas(FIRST).mend


def test_a_region_whose_news_nobody_hears(settings: Any) -> None:
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS, settings.MEDIACONVERT_EVENTS_DLQ_URLS = settings.MEDIACONVERT_EVENTS_QUEUE_URLS[:1], []
    assert SECOND in news.regions().said
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS = []
    assert news.regions().state is State.WARNING


def test_a_queue_that_gives_nothing_up_or_gives_it_elsewhere(settings: Any) -> None:
    url = client("sqs").create_queue(QueueName="bare")["QueueUrl"]
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS[0] = url
    assert "no dead letter queue" in news.queue(queue()).said
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS[0], settings.MEDIACONVERT_EVENTS_DLQ_URLS[0] = f"https://sqs.{FIRST}.amazonaws.com/{ACCOUNT}/holdfast-events", url
    assert "MEDIACONVERT_EVENTS_DLQ_URL" in news.queue(queue()).mend


def test_a_queue_that_is_not_there_or_not_ours(settings: Any) -> None:
    with refused("sqs", "DeleteMessage"):
        assert "sqs:DeleteMessage" in news.queue(queue()).said
    settings.MEDIACONVERT_EVENTS_QUEUE_URLS[0] = f"https://sqs.{FIRST}.amazonaws.com/{ACCOUNT}/nobodys"
    assert (news.queue(queue()).state, news.rule(queue()).state) == (State.FAILED, State.FAILED)


def test_news_of_another_environment_are_not_ours(settings: Any) -> None:
    settings.ENVIRONMENT = "staging"
    found = news.rule(queue())
    assert (found.state, "Environment=staging" in found.mend) == (State.FAILED, True)


def test_a_rule_that_is_off_or_gone_or_shut_out() -> None:
    events, sqs, url = client("events"), client("sqs"), queue().url
    events.disable_rule(Name="holdfast-mediaconvert")
    try:
        assert "is off" in news.rule(queue()).said
    finally:
        events.enable_rule(Name="holdfast-mediaconvert")
    with answered("events", "ListRuleNamesByTarget", {"RuleNames": []}):
        assert "No rule" in news.rule(queue()).said
    policy = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    try:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy.replace("holdfast-mediaconvert", "another")})
        assert "does not take" in news.rule(queue()).said
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": policy})


def test_a_pattern_we_cannot_judge_is_no_verdict() -> None:
    pattern = json.dumps({"source": [{"wildcard": "aws.*"}]})
    with answered("events", "DescribeRule", {"Name": "x", "Arn": "a", "State": "ENABLED", "EventPattern": pattern}):
        found = news.rule(queue())
    assert (found.state, "wildcard" in found.said) == (State.WARNING, True)


def test_dead_letters_that_wait_are_told(settings: Any) -> None:
    sqs, url = client("sqs"), queue().dead
    sqs.send_message(QueueUrl=url, MessageBody="x")
    try:
        assert (news.dead_letters(queue()).state, news.dead_letters(queue()).said) == (State.WARNING, "1 are waiting.")
    finally:
        sqs.purge_queue(QueueUrl=url)
    settings.MEDIACONVERT_EVENTS_DLQ_URLS = []
    assert "replay" in news.dead_letters(queue()).said
