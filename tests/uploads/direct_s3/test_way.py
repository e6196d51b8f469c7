"""Direct uploads against moto's S3 over HTTP: parts go to presigned addresses by a plain client, and only S3's list of them counts."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from resilience.models import Task
from tests.uploads.direct_s3.steps import API, BUCKET, MIB, PART, begin, code_of, complete, multiparts, objects, put, session_of
from uploads.direct import bucket, count
from uploads.direct.count import count_parts
from uploads.models import SessionState, UploadPart, UploadSession, VideoState
from uploads.services.expire import expire_uploads
from uploads.store.s3 import client as s3
from uploads.store.s3 import names, whole

pytestmark = pytest.mark.django_db(transaction=True)


def test_parts_go_to_s3_and_the_file_is_handed_over(api: APIClient, storage: Any) -> None:
    data = os.urandom(2 * PART + 77)
    begun = begin(api, len(data))
    upload = begun["uploadId"]
    pieces = [data[:PART], data[PART : 2 * PART], data[2 * PART :]]
    etags = [put(api, upload, number, piece).headers["ETag"] for number, piece in enumerate(pieces, 1)]
    listed = api.get(f"{API}/{upload}?key=whatever").json()
    assert [(part["PartNumber"], part["Size"], part["ETag"]) for part in listed] == [
        (number, len(piece), etag) for number, (piece, etag) in enumerate(zip(pieces, etags, strict=True), 1)
    ]
    answer = complete(api, upload, [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)])
    assert answer.status_code == 200, answer.content
    session = session_of(upload)
    assert answer.json()["location"].endswith(f"/videos/{session.its_video.public_id}/")
    assert (session.state, session.committed, session.length) == (SessionState.RECEIVED, len(data), len(data))
    assert session.its_video.state == VideoState.CHECKING
    assert Task.objects.filter(kind="uploads.inspect", payload__session_id=upload).count() == 1
    name, size = whole.seal(session.storage_key)
    assert size == len(data)
    assert storage.get_object(Bucket=BUCKET, Key=name)["Body"].read() == data

    again = complete(api, upload, [])
    assert (again.status_code, again.json()) == (200, answer.json())
    assert Task.objects.filter(kind="uploads.inspect", payload__session_id=upload).count() == 1


def test_many_parts_are_listed_page_by_page(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bucket, "_PAGE", 2)
    upload = begin(api, 5 * PART)["uploadId"]
    for number in range(1, 6):
        put(api, upload, number, bytes(PART))
    assert [part["PartNumber"] for part in api.get(f"{API}/{upload}").json()] == [1, 2, 3, 4, 5]
    assert count_parts(session_of(upload)).state == SessionState.RECEIVED


def test_the_offset_is_what_s3_has_without_a_gap(api: APIClient) -> None:
    upload = begin(api, 3 * PART)["uploadId"]
    put(api, upload, 3, bytes(PART))
    assert count_parts(session_of(upload)).committed == 0
    put(api, upload, 1, bytes(PART))
    assert count_parts(session_of(upload)).committed == PART
    put(api, upload, 2, bytes(PART))
    session = count_parts(session_of(upload))
    assert (session.committed, session.state) == (3 * PART, SessionState.RECEIVED), "the last part completes it, whoever looks first"
    assert list(UploadPart.objects.filter(session=session).order_by("number").values_list("number", "offset")) == [(1, 0), (2, PART), (3, 2 * PART)]


def test_a_client_that_lies_gets_nowhere(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    claims = [{"PartNumber": 1, "ETag": '"x"', "Size": PART}, {"PartNumber": 2, "ETag": '"y"', "Size": PART}]
    answer = complete(api, upload, claims)
    assert code_of(answer, 409) == "UPLOAD_PARTS_MISSING"
    assert (answer.json()["offset"], answer.json()["number"]) == (PART, 2)
    assert session_of(upload).state == SessionState.RECEIVING
    put(api, upload, 2, bytes(PART))
    assert complete(api, upload, [{"PartNumber": 9, "ETag": "nonsense"}]).status_code == 200, "what it says of ETags is not looked at"


def test_parts_that_do_not_fit_together_are_named(api: APIClient) -> None:
    upload = begin(api, 2 * PART + 1)["uploadId"]
    put(api, upload, 1, bytes(PART))
    put(api, upload, 2, bytes(PART + 1))
    assert code_of(complete(api, upload, []), 409) == "UPLOAD_PARTS_UNEQUAL"
    put(api, upload, 2, bytes(PART))
    put(api, upload, 3, b"!")
    assert complete(api, upload, []).status_code == 200


def test_parts_below_what_s3_joins_are_never_counted(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(MIB))
    assert count_parts(session_of(upload)).committed == 0
    put(api, upload, 2, bytes(MIB))
    assert code_of(complete(api, upload, []), 409) == "UPLOAD_PARTS_UNEQUAL"
    assert session_of(upload).committed == 0


def test_a_part_replaced_after_it_was_told_ends_the_upload(api: APIClient) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    assert count_parts(session_of(upload)).committed == PART
    put(api, upload, 1, b"x" * PART)
    put(api, upload, 2, bytes(PART))
    assert code_of(complete(api, upload, []), 410) == "UPLOAD_CORRUPT"
    assert session_of(upload).state == SessionState.CORRUPT


def test_parts_aborted_behind_our_back_end_the_upload(api: APIClient, storage: Any) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    (open_one,) = multiparts(storage)
    storage.abort_multipart_upload(Bucket=BUCKET, Key=open_one["Key"], UploadId=open_one["UploadId"])
    assert code_of(api.get(f"{API}/{upload}"), 410) == "UPLOAD_CORRUPT"


def test_a_lost_answer_of_complete_is_made_good(api: APIClient, storage: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    data = os.urandom(PART + 5)
    upload = begin(api, len(data))["uploadId"]
    put(api, upload, 1, data[:PART])
    put(api, upload, 2, data[PART:])
    assert complete(api, upload, []).status_code == 200
    real = s3.call

    def lost(operation: str, **arguments: Any) -> dict[str, Any]:
        answer = real(operation, **arguments)
        if operation == "complete_multipart_upload":
            raise ConnectionError("the answer was lost")
        return answer

    with monkeypatch.context() as broken:
        broken.setattr(s3, "call", lost)
        with pytest.raises(ConnectionError):
            whole.seal(upload)
    assert multiparts(storage) == []
    assert whole.seal(upload) == (names.whole(upload), len(data))
    assert storage.get_object(Bucket=BUCKET, Key=names.whole(upload))["Body"].read() == data
    assert complete(api, upload, []).status_code == 200


def test_two_that_complete_at_once_hand_over_once(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(api, PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    real, calls = bucket.listed, []

    def listed(session: UploadSession, upload_id: str) -> Any:
        found = real(session, upload_id)
        if not calls:
            calls.append(1)
            assert complete(api, upload, []).status_code == 200, "somebody else, between our look and our commit"
        return found

    monkeypatch.setattr(bucket, "listed", listed)
    assert complete(api, upload, []).status_code == 200
    assert Task.objects.filter(kind="uploads.inspect", payload__session_id=upload).count() == 1


def test_a_crash_between_look_and_commit_leaves_all_as_it_was(api: APIClient, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = begin(api, PART)["uploadId"]
    put(api, upload, 1, bytes(PART))

    def killed(*_: Any) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as broken:
        broken.setattr(count, "_record", killed)
        with pytest.raises(RuntimeError):
            count_parts(session_of(upload))
    session = session_of(upload)
    assert (session.committed, session.state, UploadPart.objects.filter(session=session).count()) == (0, SessionState.RECEIVING, 0)
    assert not Task.objects.filter(kind="uploads.inspect").exists()
    assert count_parts(session).state == SessionState.RECEIVED


def test_aborting_leaves_nothing(api: APIClient, storage: Any) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    assert api.delete(f"{API}/{upload}?key=whatever").status_code == 204
    assert (multiparts(storage), objects(storage)) == ([], [])
    assert session_of(upload).state == SessionState.ABORTED
    assert api.delete(f"{API}/{upload}").status_code == 204, "a lost answer"
    assert code_of(api.get(f"{API}/{upload}/2"), 410) == "UPLOAD_CANCELED"
    assert code_of(complete(api, upload, []), 410) == "UPLOAD_CANCELED"


def test_expired_uploads_are_gone_and_their_parts_too(api: APIClient, storage: Any) -> None:
    upload = begin(api, 2 * PART)["uploadId"]
    put(api, upload, 1, bytes(PART))
    UploadSession.objects.filter(public_id=upload).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert code_of(api.get(f"{API}/{upload}/2"), 410) == "UPLOAD_EXPIRED"
    assert expire_uploads() == 1
    assert (multiparts(storage), objects(storage)) == ([], [])
    assert code_of(complete(api, upload, []), 410) == "UPLOAD_EXPIRED"
