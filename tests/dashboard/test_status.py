"""The status page: plain words for every state, for anybody, with nothing of the inside, also when the database is gone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError, connections
from django.test import Client

from dashboard.status import PROMISES, Level, headline, notice, standings
from resilience.watching import readiness
from resilience.watching.readiness import Health, Part, Readiness, State, degraded, ok, unavailable

SECRET = "smtp.internal.example:25 refused by 10.1.2.3"


def found(**states: Health) -> Readiness:
    return Readiness(tuple(Part(name, False, health, 0.0) for name, health in states.items()))


@pytest.fixture(autouse=True)
def own_folder(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path


def test_when_all_is_well_it_says_so() -> None:
    shown = standings(found(database=ok(), disk=ok()))
    assert headline(shown) == "Everything works"
    assert {each.level for each in shown} == {Level.WORKS}
    assert all(each.since is None for each in shown)
    assert notice(found(database=ok())) == ""


@pytest.mark.parametrize(
    ("states", "name", "level", "words"),
    [
        ({"database": unavailable("x")}, "Uploads", Level.DOWN, "What has arrived is safe"),
        ({"database": unavailable("x")}, "Library and sign-in", Level.DOWN, "do not work"),
        ({"s3": unavailable("x")}, "Uploads", Level.DOWN, "What has arrived is safe"),
        ({"disk": degraded("x")}, "Uploads", Level.WORSE, "New uploads cannot be started"),
        ({"shedding": degraded("x")}, "Uploads", Level.WORSE, "may have to wait"),
        ({"worker": unavailable("x")}, "Converting", Level.DOWN, "stands still"),
        ({"worker": degraded("x")}, "Converting", Level.WORSE, "slower than usual"),
        ({"conversions": degraded("x")}, "Converting", Level.WORSE, "slower than usual"),
        ({"conversions": unavailable("x")}, "Converting", Level.DOWN, "stands still"),
        ({"cache": degraded("x")}, "Library and sign-in", Level.WORSE, "slower than usual"),
        ({"mail": unavailable("x")}, "E-mail", Level.WORSE, "later than usual"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_what_people_notice_is_told_in_their_words(states: dict[str, Health], name: str, level: Level, words: str) -> None:
    standing = next(each for each in standings(found(**states)) if each.name == name)
    assert standing.level is level
    assert words in standing.words
    assert standing.since is not None
    assert notice(found(**states))


def test_what_nobody_notices_is_not_told() -> None:
    assert headline(standings(found(circuits=degraded("x")))) == "Everything works"


def test_since_is_kept_while_it_lasts_and_for_all_processes(tmp_path: Path) -> None:
    def since() -> Any:
        return next(each.since for each in standings(found(mail=degraded("x"))) if each.name == "E-mail")

    first = since()
    assert since() == first
    standings(found(mail=ok()))
    assert since() > first
    (tmp_path / "run" / "status.json").write_text('{"E-mail": "yest')
    assert since() is not None


def test_without_a_disk_to_note_it_on_it_is_told_without_since(settings: Any, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    settings.VAR_DIR = tmp_path / "file"
    shown = standings(found(mail=degraded("x")))
    assert [each.since for each in shown if each.level is not Level.WORKS] == [None]


def test_anybody_sees_it_also_when_the_database_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any) -> Any:
        raise OperationalError(SECRET)

    monkeypatch.setattr(connections["default"], "connect", away)
    monkeypatch.setattr("dashboard.views.status.current", lambda: found(database=unavailable(SECRET), mail=degraded(SECRET)))
    browser = Client(headers={"accept": "text/html"})
    browser.cookies["sessionid"] = "x" * 32
    answer = browser.get("/status/")
    page = answer.content.decode()
    assert answer.status_code == 200
    assert "What has arrived is safe" in page
    assert "Does not work" in page
    for inside in ("smtp", "10.1.2.3", "database", "circuit", 'mail"'):
        assert inside not in page


@pytest.mark.django_db
def test_pages_say_what_one_would_notice_and_lead_to_the_rest(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert b"What works and what does not" not in client.get("/").content
    assert b'href="/status/"' in client.get("/").content
    monkeypatch.setattr(readiness, "latest", lambda: found(conversions=degraded("x")))
    page = client.get("/").content.decode()
    assert "Converting is slower than usual." in page
    assert "What works and what does not" in page


def test_every_check_it_speaks_of_is_one_somebody_registers_or_will() -> None:
    assert {rule.check for promise in PROMISES for rule in promise.rules} <= set(readiness._CHECKS) | {"mail", "shedding"}
    assert State.UNAVAILABLE in PROMISES[0].rules[0].states
