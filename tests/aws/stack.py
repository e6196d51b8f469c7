"""deploy/aws/holdfast.yaml, created in moto. What moto's CloudFormation leaves out is put by the services' own calls, from the same template."""

from __future__ import annotations

import copy
import functools
import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest

TEMPLATE = Path(__file__).parent.parent.parent / "deploy" / "aws" / "holdfast.yaml"
FIRST, SECOND = "eu-west-1", "eu-central-1"
ACCOUNT = "123456789012"
NAME = "holdfast"
# CloudFormation's words, and the API's.
_CORS = {"Id": "ID", "ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds"}
_BUCKET = {
    "CorsConfiguration": ("put_bucket_cors", "CORSConfiguration"),
    "LifecycleConfiguration": ("put_bucket_lifecycle_configuration", "LifecycleConfiguration"),
    "PublicAccessBlockConfiguration": ("put_public_access_block", "PublicAccessBlockConfiguration"),
    "VersioningConfiguration": ("put_bucket_versioning", "VersioningConfiguration"),
    "ReplicationConfiguration": ("put_bucket_replication", "ReplicationConfiguration"),
}


@contextmanager
def amazon() -> Iterator[None]:
    """Amazon within this process, empty, with keys that are nobody's. Other addresses of this machine are reached as ever."""
    from moto import mock_aws

    with mock_aws():
        yield


@pytest.fixture(scope="module")
def both_stacks() -> Iterator[None]:
    """The template as the README says, the second region first. For tests that only look."""
    with amazon():
        create(SECOND, Part="second")
        create(FIRST, SecondRegion=SECOND, Origins="https://holdfast.example")
        yield


@functools.cache
def client(service: str, region: str = FIRST) -> Any:
    return boto3.client(service, region_name=region)


def create(region: str, **parameters: str) -> dict[str, str]:
    """Create the stack in a region and return its outputs by name."""
    formation = client("cloudformation", region)
    given = [{"ParameterKey": key, "ParameterValue": value} for key, value in ({"Origins": "https://a.example"} | parameters).items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says what it leaves out; `_complete` knows
        formation.create_stack(StackName=NAME, TemplateBody=TEMPLATE.read_text(), Parameters=given, Capabilities=["CAPABILITY_NAMED_IAM"])
        _complete(region)
    (stack,) = formation.describe_stacks(StackName=NAME)["Stacks"]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def properties(region: str) -> dict[str, dict[str, Any]]:
    """Return type and properties of every resource that was to be made, with every reference and condition resolved."""
    from moto.cloudformation.models import cloudformation_backends
    from moto.cloudformation.parsing import clean_json

    made = cloudformation_backends[ACCOUNT][region].get_stack(NAME).resource_map
    wanted = {name: body for name, body in made._resource_json_map.items() if "Condition" not in body or made.lazy_condition_map[body["Condition"]]}
    return {name: {"Type": body["Type"]} | clean_json(copy.deepcopy(body.get("Properties", {})), made) for name, body in wanted.items()}


def _complete(region: str) -> None:
    for resource in properties(region).values():
        if resource["Type"] == "AWS::S3::Bucket":
            _complete_bucket(client("s3", region), resource)
        elif resource["Type"] == "AWS::S3::BucketPolicy":
            client("s3", region).put_bucket_policy(Bucket=resource["Bucket"], Policy=json.dumps(resource["PolicyDocument"]))
        elif resource["Type"] == "AWS::SQS::QueuePolicy":
            for url in resource["Queues"]:
                client("sqs", region).set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(resource["PolicyDocument"])})
        elif resource["Type"] == "AWS::CloudWatch::Alarm":
            client("cloudwatch", region).put_metric_alarm(**{name: value for name, value in resource.items() if name != "Type"})


def _complete_bucket(s3: Any, resource: dict[str, Any]) -> None:
    for theirs, (call, argument) in _BUCKET.items():
        if theirs in resource:
            getattr(s3, call)(Bucket=resource["BucketName"], **{argument: _in_the_apis_words(theirs, resource[theirs])})


def _in_the_apis_words(theirs: str, value: dict[str, Any]) -> dict[str, Any]:
    if theirs == "CorsConfiguration":
        return {"CORSRules": [{_CORS.get(name, name): item for name, item in rule.items()} for rule in value["CorsRules"]]}
    if theirs == "LifecycleConfiguration":
        return {"Rules": [_lifecycle_rule(rule) for rule in value["Rules"]]}
    if theirs == "ReplicationConfiguration":
        return {"Role": value["Role"], "Rules": [{("ID" if name == "Id" else name): item for name, item in rule.items()} for rule in value["Rules"]]}
    return value


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    marker = {"Expiration": {"ExpiredObjectDeleteMarker": True}} if rule.get("ExpiredObjectDeleteMarker") else {}
    kept = {("ID" if name == "Id" else name): item for name, item in rule.items() if name != "ExpiredObjectDeleteMarker"}
    return kept | marker | {"Filter": {"Prefix": ""}}
