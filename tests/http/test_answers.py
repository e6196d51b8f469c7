"""Every error is one shape: a problem for programs, a page for people, with the request id on both."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404
from django.test import Client, RequestFactory, override_settings
from django.urls import path
from psycopg_pool import PoolTimeout

from resilience.errors import CATALOGUE, Entry, InternalUnclassified
from resilience.http.errors import RateLimited
from resilience.http.problems import error_response, problem
from resilience.http.request_ids import bind_request, choose_request_id, current_request_id, uuid7
from resilience.http.translate import as_app_error


def broken(request):
    raise RuntimeError("the secret inside")


def without_database(request):
    raise OperationalError("server closed the connection")


def limited(request):
    raise RateLimited(retry_after=12.4)


urlpatterns = [path("broken", broken), path("api/broken", broken), path("api/gone", without_database), path("limited", limited)]
handler404 = "resilience.http.views.page_not_found"
handler500 = "resilience.http.views.server_error"

own_urls = override_settings(ROOT_URLCONF=__name__, DEBUG=False)
HTML = {"HTTP_ACCEPT": "text/html"}


@own_urls
def test_an_unknown_fault_says_nothing_of_the_inside() -> None:
    client = Client(raise_request_exception=False)
    program = client.get("/api/broken")
    person = client.get("/broken", **HTML)
    assert program.status_code == person.status_code == 500
    assert program.headers["Content-Type"] == "application/problem+json"
    assert program.json()["code"] == "INTERNAL_UNCLASSIFIED"
    assert program.json()["request_id"] == program.headers["X-Request-ID"]
    assert b"secret" not in program.content + person.content
    assert person.headers["X-Request-ID"].encode() in person.content


@own_urls
def test_a_missing_database_is_503_with_retry_after() -> None:
    answer = Client(raise_request_exception=False).get("/api/gone")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) >= 1
    assert answer.json()["retryable"] is True


@own_urls
def test_a_limited_person_is_told_when_to_come_back() -> None:
    answer = Client(raise_request_exception=False).get("/limited", **HTML)
    assert answer.status_code == 429
    assert answer.headers["Retry-After"] == "12"
    assert answer.headers["Cache-Control"] == "no-store"


@own_urls
def test_an_unknown_address_is_a_problem_or_a_page() -> None:
    assert Client().get("/api/nothing").json()["code"] == "NOT_FOUND"
    assert "text/html" in Client().get("/nothing", **HTML).headers["Content-Type"]


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.code) for entry in CATALOGUE])
def test_every_entry_makes_a_page_and_a_problem(entry: Entry) -> None:
    class Sample(InternalUnclassified):
        pass

    Sample.entry = entry
    requests = RequestFactory()
    page = error_response(requests.get("/videos/", headers={"accept": "text/html"}), Sample())
    body = error_response(requests.get("/api/v1/videos/"), Sample())
    assert page.status_code == body.status_code == entry.status
    assert entry.title.split("'")[0] in page.content.decode()
    parsed = json.loads(body.content)
    assert {"type", "title", "status", "detail", "instance", "code", "request_id", "retryable", "doc_url", "actions", "errors"} <= set(parsed)
    assert parsed["instance"] == "/api/v1/videos/"


@pytest.mark.parametrize(
    ("raised", "code"),
    [
        (Http404(), "NOT_FOUND"),
        (PermissionDenied(), "AUTH_FORBIDDEN"),
        (RequestDataTooBig(), "REQUEST_TOO_LARGE"),
        (SuspiciousOperation(), "REQUEST_MALFORMED"),
        (OperationalError(), "DATABASE_UNAVAILABLE"),
        (InterfaceError(), "DATABASE_UNAVAILABLE"),
        (PoolTimeout(), "DATABASE_UNAVAILABLE"),
        (ZeroDivisionError(), "INTERNAL_UNCLASSIFIED"),
    ],
)
def test_foreign_faults_have_one_meaning(raised: Exception, code: str) -> None:
    assert as_app_error(raised).code == code


def test_fields_of_a_standard_problem_are_spelled_as_the_standard_does() -> None:
    class Mismatch(InternalUnclassified):
        pass

    Mismatch.entry = Entry(**{**_values(InternalUnclassified.entry), "fields": ("expected_offset",), "problem_type": "https://example.org/x"})
    body = problem(Mismatch(expected_offset=5))
    assert body["type"] == "https://example.org/x"
    assert body["expected-offset"] == 5


def _values(entry: Entry) -> dict:
    return {name: getattr(entry, name) for name in entry.__dataclass_fields__}


def test_an_unknown_field_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="no field"):
        InternalUnclassified(colour="red")


@pytest.mark.parametrize("given", ["abcdefgh", "A.b-c_d-12345678"])
def test_a_good_request_id_is_kept(given: str) -> None:
    assert choose_request_id(given) == given
    assert Client().get("/healthz", headers={"x-request-id": given}).headers["X-Request-ID"] == given


@pytest.mark.parametrize("given", ["", "short", "a" * 65, "with space 123", "line\nbreak12", "<script>alert(1)"])
def test_a_bad_request_id_is_replaced(given: str) -> None:
    assert choose_request_id(given) != given
    assert len(choose_request_id(given)) == 36


def test_made_request_ids_sort_by_time_and_are_version_7() -> None:
    first, second = uuid7(), uuid7()
    assert first[:13] <= second[:13]
    assert first[14] == "7"
    assert first[19] in "89ab"


def test_the_current_request_id_is_the_bound_one() -> None:
    bind_request(request_id="request-1", traceparent="00-abc")
    assert current_request_id() == "request-1"
