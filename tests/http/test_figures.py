"""What is counted of requests: once each, by route template, whatever becomes of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.urls import resolve

from resilience.http.figures import FiguresMiddleware
from resilience.metrics import current


def requests(**labels: str) -> float:
    return current("holdfast_http_requests_total", **labels)


def in_flight() -> float:
    return current("holdfast_http_requests_in_flight")


@pytest.mark.django_db
def test_a_request_is_counted_by_its_route_and_an_error_by_its_code() -> None:
    route = resolve("/api/v1/videos/vid_1").route
    assert "vid_1" not in route

    def counted() -> list[float]:
        return [
            requests(route=route, method="GET", status="401"),
            current("holdfast_http_request_seconds_count", route=route, method="GET"),
            current("holdfast_errors_total", code="AUTH_REQUIRED"),
        ]

    before = counted()
    for name in ("vid_1", "vid_2"):
        assert Client().get(f"/api/v1/videos/{name}").json()["code"] == "AUTH_REQUIRED"
    assert counted() == [each + 2 for each in before]


def test_paths_nobody_has_share_one_label(client: Client) -> None:
    before = requests(route="none", method="GET", status="404")
    for number in range(5):
        client.get(f"/nobody/has/this/{number}")
    assert requests(route="none", method="GET", status="404") == before + 5


def test_a_made_up_method_makes_no_label_of_its_own() -> None:
    before = requests(route="none", method="other", status="200")
    request = RequestFactory().generic("BREW", "/coffee")
    FiguresMiddleware(lambda _request: HttpResponse())(request)
    assert requests(route="none", method="other", status="200") == before + 1


def test_what_runs_now_is_told_and_ends_with_a_client_that_hangs_up() -> None:
    before, during = in_flight(), []

    async def hang_up() -> None:
        begun = asyncio.Event()

        async def view(_request: Any) -> HttpResponse:
            during.append(in_flight())
            begun.set()
            await asyncio.Event().wait()
            return HttpResponse()

        running = asyncio.ensure_future(FiguresMiddleware(view)(AsyncRequestFactory().get("/slow")))
        await begun.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    asyncio.run(hang_up())
    assert during == [before + 1]
    assert in_flight() == before


def test_a_handler_that_fails_is_no_longer_in_flight() -> None:
    def broken(_request: Any) -> HttpResponse:
        raise RuntimeError("broken")

    before = in_flight()
    with pytest.raises(RuntimeError):
        FiguresMiddleware(broken)(RequestFactory().get("/"))
    assert in_flight() == before
