"""deploy/aws/holdfast.yaml in one region only, and what the second region is without."""

from __future__ import annotations

from tests.aws.stack import ACCOUNT, FIRST, SECOND, amazon, client, create, properties


def test_a_single_region_has_no_replica_and_may_keep_sums_as_etags() -> None:
    with amazon():
        outputs = create(FIRST, SourcesEncryption="AES256")
        made = properties(FIRST)
        assert "ReplicationRole" not in made
        assert not {"ReplicationConfiguration", "VersioningConfiguration"} & set(made["Sources"]), "what is deleted is gone at once"
        (rule,) = client("s3").get_bucket_encryption(Bucket=outputs["SourcesBucket"])["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert outputs["RoleArn"] == f"arn:aws:iam::{ACCOUNT}:role/holdfast-mediaconvert"


def test_the_second_region_has_no_role_and_no_renditions() -> None:
    with amazon():
        outputs = create(SECOND, Part="second")
        assert set(outputs) == {"SourcesBucket", "QueueArn", "EventsQueueUrl", "EventsDeadLetterUrl"}
        assert not {kind["Type"] for kind in properties(SECOND).values()} & {"AWS::IAM::Role", "AWS::IAM::ManagedPolicy"}
