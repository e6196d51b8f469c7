"""A system over a cache server and a mail server, work that goes on in it, and what must be true when one of its three servers was away."""

from __future__ import annotations

import hashlib
import itertools
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import requests
from django_ratelimit.core import _get_window

from tests import valkey
from tests.mailbox import Mailbox
from tests.media import clip
from tests.stack.client import Upload, sha256
from tests.stack.system import System, wait_for

PASSWORD_TRIES = 5
UNDER_WAY = """
    SELECT 1 FROM processing_attempt a JOIN processing_job j ON j.id = a.job_id JOIN uploads_video v ON v.id = j.video_id
    WHERE v.public_id = %s AND a.state = 'progressing'"""
STATE = "SELECT state FROM uploads_video WHERE public_id = %s"
KEY = "SELECT s.storage_key FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE v.public_id = %s"
LOST = "SELECT kind, error_code FROM resilience_task WHERE state IN ('dead', 'canceled')"
WRITE = "from django.core.mail import send_mail\nfor to in {to!r}: send_mail('A word', 'As promised.', None, [to])"


@dataclass
class House:
    system: System
    cache: valkey.Valkey
    mail: Mailbox

    def part(self, name: str) -> str:
        """Ask /readyz how a part is; "" while nobody answers."""
        try:
            return str(requests.get(f"{self.system.url}/readyz", timeout=60).json()["parts"][name]["status"])
        except (requests.RequestException, json.JSONDecodeError):
            return ""

    def headline(self) -> str:
        page = requests.get(f"{self.system.url}/status/", timeout=60)
        assert page.status_code == 200
        return page.text.partition("<h1>")[2].partition("</h1>")[0]

    def write(self, *recipients: str) -> None:
        """Send a message to each, as the system does."""
        self.system.command("shell", "-v", "0", "-c", WRITE.format(to=recipients))

    def came(self, *recipients: str) -> bool:
        return set(recipients) <= {to for tos, _message in self.mail.taken for to in tos}

    def came_once(self, *recipients: str) -> bool:
        taken = [to for tos, _message in self.mail.taken for to in tos]
        return [taken.count(to) for to in recipients] == [1] * len(recipients)


@contextmanager
def house() -> Iterator[House]:
    environment = {"EMAIL_HOST": "127.0.0.1", "EMAIL_USE_TLS": "no", "CACHE_CHECK_SECONDS": "1", "RATE_LIMITS": "yes", "TRUST_PROXY": "yes", "WEB_WORKERS": "1"}
    with valkey.running() as cache, Mailbox() as mail, System(CACHE_URL=cache.url, EMAIL_PORT=str(mail.port), **environment) as system:
        yield House(system, cache, mail)


@dataclass
class Slow(Upload):
    pause: float = 0.0

    def _patch(self, offset: int) -> int:
        told = super()._patch(offset)
        time.sleep(self.pause)
        return told


@dataclass
class Work:
    """A film that is converted, and another that arrives all the while."""

    house: House
    seconds: float
    failures: list[BaseException] = field(default_factory=list)

    def begin(self) -> None:
        system, film, small = self.house.system, clip(seconds=20, width=854, height=480), clip(seconds=4)
        self.converting = Upload(system.url, system.token, film)
        self.arriving = Slow(system.url, system.token, small, chunk=small.stat().st_size // 60 + 1, pause=self.seconds / 40)
        assert self.converting.create().status_code == 201
        self.converting.send(seconds=60)
        wait_for(lambda: system.query(UNDER_WAY, self.converting.video), seconds=90, what="the conversion is under way")
        assert self.arriving.create().status_code == 201
        self._sender = threading.Thread(target=self._send)
        self._sender.start()
        wait_for(lambda: len(self.arriving.acknowledged) > 3, seconds=60, what="the upload is under way")

    def _send(self) -> None:
        try:
            self.arriving.send(seconds=self.seconds + 180)
        except BaseException as failure:
            self.failures.append(failure)

    def end(self) -> None:
        """Everything that was begun is finished, and nothing was taken back."""
        self._sender.join(self.seconds + 240)
        assert not self._sender.is_alive()
        assert not self.failures
        assert self.arriving.never_went_back()
        system = self.house.system
        for upload in (self.converting, self.arriving):
            wait_for(lambda upload=upload: system.query(STATE, upload.video) == [("ready",)], seconds=180, what=f"{upload.video} is ready")  # type: ignore[misc]
        [(key,)] = system.query(
            "SELECT s.storage_key FROM uploads_uploadsession s JOIN uploads_video v ON v.id = s.video_id WHERE v.public_id = %s", self.arriving.video
        )
        assert sha256(system.var_dir / "uploads" / key) == sha256(self.arriving.path)
        assert system.query(LOST) == []


@contextmanager
def away(house: House, part: str, *, seconds: float, stop: Callable[[], None], start: Callable[[], object]) -> Iterator[None]:
    """Stop a server for `seconds` while work goes on and the body asks; it is announced, and all is well again by itself afterwards."""
    work = Work(house, seconds)
    work.begin()
    stop()
    stopped = time.monotonic()
    try:
        wait_for(lambda: house.part(part) in ("degraded", "unavailable"), seconds=60, what=f"/readyz says that {part} is not well")
        assert house.headline() != "Everything works"
        yield
        time.sleep(max(0.0, seconds - (time.monotonic() - stopped)))
    finally:
        start()
    wait_for(lambda: house.part(part) == "ok", seconds=120, what=f"/readyz says that {part} is well")
    work.end()


@dataclass
class Stranger:
    """Somebody who tries passwords, from an address and with a name whose quarter of an hour is not over soon."""

    house: House
    address: str = ""
    name: str = ""

    def __post_init__(self) -> None:
        self.address = next(ip for ip in (f"198.51.100.{n}" for n in range(1, 255)) if _stays(f"address:{ip}"))
        names = (f"{uuid.uuid4().hex}@example.org" for _ in itertools.count())
        self.name = next(name for name in names if _stays(f"name:{hashlib.sha256(name.encode()).hexdigest()[:32]}"))

    def tries(self) -> int:
        """Try a wrong password once; return the status of the answer."""
        url, line = f"{self.house.system.url}/accounts/login/", requests.Session()
        line.headers["X-Forwarded-For"] = self.address
        line.get(url, timeout=60).raise_for_status()
        given: dict[str, Any] = {"login": self.name, "password": "wrong", "csrfmiddlewaretoken": line.cookies["csrftoken"]}
        return line.post(url, data=given, headers={"Referer": url}, timeout=60).status_code


def _stays(value: str) -> bool:
    return float(_get_window(value, 900)) - time.time() > 600


def database_away(house: House, *, seconds: float) -> None:
    house.write("before@example.org")
    with away(house, "database", seconds=seconds, stop=lambda: house.system.postgres.stop(mode="immediate"), start=house.system.postgres.start):
        assert house.headline() in ("Something does not work", "Holdfast does not work just now")
        url, api = house.system.url, house.system.get("/api/v1/videos")
        assert requests.get(f"{url}/healthz", timeout=60).status_code == 200
        assert requests.get(f"{url}/readyz", timeout=60).status_code == 503
        page = requests.get(f"{url}/accounts/login/", headers={"Accept": "text/html"}, cookies={"sessionid": "x" * 32}, timeout=60)
        for answer, kind in ((page, "text/html"), (api, "application/problem+json")):
            assert (answer.status_code, answer.headers["Content-Type"].partition(";")[0]) == (503, kind), answer.text
            assert int(answer.headers["Retry-After"]) >= 1
        assert api.json()["code"] == "DATABASE_UNAVAILABLE"
    wait_for(lambda: house.came("before@example.org"), seconds=120, what="what was written before is delivered")


def cache_away(house: House, *, seconds: float) -> None:
    stranger = Stranger(house)
    assert [stranger.tries() for _ in range(2)] == [200, 200]
    with away(house, "cache", seconds=seconds, stop=house.cache.kill, start=house.cache.start):
        answers = [stranger.tries() for _ in range(PASSWORD_TRIES - 1)]
        allowed = answers.count(200) + 2
        assert PASSWORD_TRIES - 1 <= allowed <= PASSWORD_TRIES, "one whose answer was lost may count twice"
        assert answers == sorted(answers)
        assert answers[-1] == 429
        assert house.system.get("/api/v1/videos").status_code == 200
    assert stranger.tries() == 429, "what was counted meanwhile is told to the server that came back empty"


def mail_away(house: House, *, seconds: float) -> None:
    letters = [f"letter-{number}-{uuid.uuid4().hex[:6]}@example.org" for number in range(4)]
    house.mail.close()
    house.write(*letters)
    with away(house, "mail", seconds=seconds, stop=lambda: None, start=house.mail.open):
        assert not house.came(*letters)
    wait_for(lambda: house.came(*letters), seconds=240, what="every letter is delivered")
    assert house.came_once(*letters)
