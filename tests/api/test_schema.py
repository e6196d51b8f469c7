"""The OpenAPI description and the page that shows it."""

from __future__ import annotations

import re
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.contrib.staticfiles import finders
from django.core.management import call_command
from django.test import Client

from resilience.http.errors import ValidationFailed
from resilience.http.problems import problem

METHODS = {"get", "post", "put", "patch", "delete"}


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    path: Path = tmp_path_factory.mktemp("schema") / "schema.yml"
    call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(path), stdout=StringIO())
    described: dict[str, Any] = yaml.safe_load(path.read_text())
    return described


def operations(schema: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, operation) for path, item in schema["paths"].items() for method, operation in item.items() if method in METHODS]


def test_it_is_openapi_3_1_and_holds_every_address(schema: dict[str, Any]) -> None:
    assert schema["openapi"] == "3.1.0"
    api = "/api/v1"
    assert {f"{api}/videos", f"{api}/videos/{{id}}", f"{api}/videos/{{id}}/retry", f"{api}/uploads/{{id}}/token", f"{api}/events"} <= set(schema["paths"])
    assert {f"{api}/jobs/{{id}}", f"{api}/notifications/read-all", f"{api}/tickets/{{id}}/reply", f"{api}/guides/{{slug}}"} <= set(schema["paths"])


def test_every_operation_says_how_it_fails(schema: dict[str, Any]) -> None:
    for path, method, operation in operations(schema):
        answers = operation["responses"]
        assert {"401", "429", "503"} <= set(answers), f"{method} {path}"
        for status, answer in answers.items():
            if int(status) >= 400 and "content" in answer:
                assert answer["content"] == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}, f"{method} {path} {status}"
    assert set(schema["paths"]["/api/v1/videos/{id}"]["patch"]["responses"]) >= {"200", "400", "404", "412", "428"}


def test_the_described_problem_is_the_one_we_send(schema: dict[str, Any]) -> None:
    described = schema["components"]["schemas"]["Problem"]
    sent = problem(ValidationFailed(retry_after=3))
    assert set(sent) == set(described["properties"])
    assert set(described["required"]) == set(described["properties"]) - {"retry_after"}


def test_both_ways_to_sign_in_are_described(schema: dict[str, Any]) -> None:
    schemes = schema["components"]["securitySchemes"]
    assert {scheme["in"] for scheme in schemes.values()} == {"cookie", "header"}


def test_no_primary_key_is_described(schema: dict[str, Any]) -> None:
    for name, component in schema["components"]["schemas"].items():
        identity = component.get("properties", {}).get("id")
        assert identity is None or identity["type"] == "string", name


def test_operations_have_names_of_their_own(schema: dict[str, Any]) -> None:
    names = [operation["operationId"] for _, _, operation in operations(schema)]
    assert len(names) == len(set(names))


@pytest.mark.django_db
def test_the_page_works_under_the_strict_policy(client: Client) -> None:
    answer = client.get("/api/v1/docs/")
    html = answer.content.decode()
    assert answer.status_code == 200
    assert "unsafe" not in answer["Content-Security-Policy"]
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, re.DOTALL)
    assert len(scripts) == 3
    assert all("src=" in attributes and not body.strip() for attributes, body in scripts), "no inline script"
    assert not re.search(r"<style|\sstyle=|\son\w+=", html), "no inline style, no inline handler"
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", html), "nothing from elsewhere"
    for name in re.findall(r"/static/([^\"?]+)", html):
        assert finders.find(name), name


@pytest.mark.django_db
def test_the_pages_script_starts_over_our_schema(client: Client) -> None:
    answer = client.get("/api/v1/docs/?script=")
    assert answer["Content-Type"].startswith("application/javascript")
    assert "SwaggerUIBundle" in answer.content.decode()
    assert "schema/" in answer.content.decode()
    assert client.get("/api/v1/schema/").status_code == 200
