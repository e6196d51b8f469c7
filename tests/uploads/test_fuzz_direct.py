"""Whatever a program says where parts go straight to S3, it is answered readably, and a refusal leaves everything as it was."""

from __future__ import annotations

import json
import os
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, event, example, given, settings
from hypothesis import strategies as st
from knox.models import AuthToken
from rest_framework.test import APIClient

from tests.factories import make_user
from tests.s3 import FakeS3
from uploads.models import DirectUpload, RemoteFile, UploadSession, Video

pytestmark = pytest.mark.django_db(transaction=True)
API = "/api/v1/s3/multipart"
MIB = 2**20
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**30), 10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["5", "0", "-1", "a.mp4", "\x00"]),
)
ANYTHING = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=6)
METADATA = st.dictionaries(st.sampled_from(["size", "fingerprint", "video", "transport", "x"]), ANYTHING, max_size=4)
BEGIN = st.fixed_dictionaries({}, optional={"filename": LEAVES | st.just("a.mp4"), "type": LEAVES | st.just("video/mp4"), "metadata": METADATA | ANYTHING})
CLAIM = st.fixed_dictionaries({}, optional={"parts": ANYTHING | st.lists(st.fixed_dictionaries({"PartNumber": LEAVES, "ETag": LEAVES}), max_size=3)})
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "40"))
FEW = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture
def api(s3: FakeS3, settings: Any) -> APIClient:
    settings.RATE_LIMITS = False
    return APIClient(headers={"Authorization": f"Token {AuthToken.objects.create(make_user())[1]}"})


def rows() -> list[Any]:
    kept = (UploadSession, "pk", "state", "committed", "length"), (Video, "pk", "state"), (RemoteFile, "pk", "upload_id", "next_part"), (DirectUpload, "pk")
    return [list(model._default_manager.order_by("pk").values_list(*columns)) for model, *columns in kept]


def readable(answer: Any, before: list[Any]) -> None:
    assert answer.status_code < 500, answer.content
    if answer.status_code < 400:
        return
    problem = json.loads(answer.content)
    event(problem["code"])
    assert (answer["Content-Type"], problem["status"]) == ("application/problem+json", answer.status_code)
    assert problem["title"]
    assert problem["detail"]
    assert rows() == before


@FEW
@given(body=BEGIN | ANYTHING)
@example(body={"filename": "a.mp4", "metadata": {"size": 10**18}})
@example(body={"filename": "a.mp4", "metadata": {"size": True}})
@example(body={"filename": "a\x00.mp4", "metadata": {"fingerprint": "\x00"}})
def test_a_beginning(api: APIClient, body: Any) -> None:
    before = rows()
    readable(api.post(API, body, format="json"), before)


@FEW
@given(body=CLAIM | ANYTHING, number=st.integers(-5, 10**6) | st.text(max_size=10), numbers=st.text(alphabet="0123456789,-. x", max_size=30))
@example(body={"parts": [{}] * 3}, number=0, numbers="")
@example(body={}, number=10**5, numbers="1,1,1")
def test_parts_and_ends(api: APIClient, body: Any, number: Any, numbers: str) -> None:
    upload = api.post(API, {"filename": "a.mp4", "metadata": {"size": 20 * MIB}}, format="json").json()["uploadId"]
    before = rows()
    readable(api.post(f"{API}/{upload}/complete", body, format="json"), before)
    assert rows() == before, "nothing was sent, so nothing can have ended"
    readable(api.get(f"{API}/{upload}/{quote(str(number), safe='')}"), rows())
    readable(api.get(f"{API}/{upload}/batch", {"partNumbers": numbers}), rows())


@FEW
@given(upload=st.text(max_size=40), raw=st.binary(max_size=60), secret=st.text(max_size=60).map(lambda text: text.encode("utf-8", "replace").decode("latin-1")))
def test_uploads_that_are_none_and_bodies_that_are_none(api: APIClient, upload: str, raw: bytes, secret: str) -> None:
    before = rows()
    readable(api.get(f"{API}/{quote(upload, safe='')}/1"), before)
    readable(api.post(API, raw, content_type="application/json"), before)
    bearer = APIClient(headers={"Authorization": f"Bearer {secret}"})
    readable(bearer.get(f"{API}/upl_{'0' * 20}/1"), before)
