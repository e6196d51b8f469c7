"""An Amazon of this machine's own, for `make up-aws`: moto's server (S3, SQS, EventBridge, IAM) with what deploy/aws/holdfast.yaml would make.

Run by the launcher: `python -m config.amazon PORT`. All of it is in memory: when this process ends, it is gone.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from typing import Any

import boto3

ACCOUNT = "123456789012"
FIRST, SECOND = "eu-west-1", "eu-central-1"
SOURCES, RENDITIONS = "holdfast-sources", "holdfast-renditions"
EVENTS, DEAD_EVENTS = "holdfast-events", "holdfast-events-dead"
ROLE = "holdfast-mediaconvert"
RULE = "holdfast-mediaconvert"
KEYS = {"AWS_ACCESS_KEY_ID": "laptop", "AWS_SECRET_ACCESS_KEY": "laptop", "AWS_EC2_METADATA_DISABLED": "true"}
_CLOSED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)


def main(arguments: list[str]) -> int:
    from moto.server import ThreadedMotoServer

    port, origin, environment = int(arguments[0]), arguments[1], arguments[2]
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = ThreadedMotoServer("127.0.0.1", port, verbose=False)
    server.start()
    furnish(f"http://127.0.0.1:{port}", origin=origin, environment=environment)
    stop.wait()
    server.stop()
    return 0


def furnish(url: str, *, origin: str, environment: str) -> None:
    """Make role, queues, rules and buckets; the renditions' bucket last, so that whoever sees it knows that all is there.

    Args:
        origin: where our pages come from. environment: whose news the rule lets through (the setting ENVIRONMENT).
    """
    trust = {"Effect": "Allow", "Principal": {"Service": "mediaconvert.amazonaws.com"}, "Action": "sts:AssumeRole"}
    _client("iam", url).create_role(RoleName=ROLE, AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}))
    for region in (FIRST, SECOND):
        _way_of_news(url, region, environment)
    _bucket(url, SOURCES, {"AllowedMethods": ["PUT"], "AllowedHeaders": ["content-type", "content-md5"], "ExposeHeaders": ["ETag"]}, origin)
    played = {"AllowedMethods": ["GET", "HEAD"], "AllowedHeaders": ["range"], "ExposeHeaders": ["Content-Length", "Content-Range", "Accept-Ranges", "ETag"]}
    _bucket(url, RENDITIONS, played, origin)


def _client(service: str, url: str, region: str = FIRST) -> Any:
    keys = {"aws_access_key_id": KEYS["AWS_ACCESS_KEY_ID"], "aws_secret_access_key": KEYS["AWS_SECRET_ACCESS_KEY"]}
    return boto3.client(service, endpoint_url=url, region_name=region, **keys)


def _way_of_news(url: str, region: str, environment: str) -> None:
    """A queue with its dead letters, and the rule that names it. (The emulator puts its events into the queue itself.)"""
    sqs, events = _client("sqs", url, region), _client("events", url, region)
    arn = f"arn:aws:sqs:{region}:{ACCOUNT}:"
    rule = f"arn:aws:events:{region}:{ACCOUNT}:rule/{RULE}"
    sender = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": f"{arn}{EVENTS}"}
    sender |= {"Condition": {"ArnEquals": {"aws:SourceArn": rule}}}
    sqs.create_queue(QueueName=DEAD_EVENTS)
    redrive = json.dumps({"deadLetterTargetArn": f"{arn}{DEAD_EVENTS}", "maxReceiveCount": 5})
    policy = json.dumps({"Version": "2012-10-17", "Statement": [sender]})
    sqs.create_queue(QueueName=EVENTS, Attributes={"RedrivePolicy": redrive, "VisibilityTimeout": "60", "Policy": policy})
    detail = {"userMetadata": {"env": [environment]}}
    pattern = {"source": ["aws.mediaconvert"], "detail-type": ["MediaConvert Job State Change"], "detail": detail}
    events.put_rule(Name=RULE, EventPattern=json.dumps(pattern))
    events.put_targets(Rule=RULE, Targets=[{"Id": "events", "Arn": f"{arn}{EVENTS}"}])


def _bucket(url: str, name: str, cors: dict[str, list[str]], origin: str) -> None:
    s3 = _client("s3", url)
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": FIRST})
    s3.put_bucket_cors(Bucket=name, CORSConfiguration={"CORSRules": [cors | {"AllowedOrigins": [origin]}]})
    s3.put_public_access_block(Bucket=name, PublicAccessBlockConfiguration=_CLOSED)
    abort = {"ID": "unfinished", "Status": "Enabled", "Filter": {"Prefix": ""}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 9}}
    s3.put_bucket_lifecycle_configuration(Bucket=name, LifecycleConfiguration={"Rules": [abort]})


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
