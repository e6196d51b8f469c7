"""A wrong setting stops the start with its name, the reason and an example."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from config import env

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        ("eight", lambda: env.integer("SAMPLE", 8)),
        ("-1", lambda: env.integer("SAMPLE", 8)),
        ("maybe", lambda: env.boolean("SAMPLE", True)),
        ("big", lambda: env.size("SAMPLE", 1)),
        ("5 parsecs", lambda: env.size("SAMPLE", 1)),
        ("redis", lambda: env.choice("SAMPLE", "a", ("a", "b"))),
        ("ftp://x", lambda: env.url("SAMPLE", schemes=("https",))),
        ("nan?", lambda: env.number("SAMPLE", 1.0)),
    ],
)
def test_a_bad_value_is_named_with_reason_and_example(monkeypatch: pytest.MonkeyPatch, raw: str, read) -> None:
    monkeypatch.setenv("SAMPLE", raw)
    with pytest.raises(env.SettingError) as refused:
        read()
    assert "SAMPLE" in str(refused.value)
    assert raw in str(refused.value)
    assert "Example: SAMPLE=" in str(refused.value)


@pytest.mark.parametrize(("raw", "size"), [("10", 10), ("1 KiB", 1024), ("2MiB", 2 * 2**20), ("5 GB", 5 * 10**9)])
def test_sizes_are_read_with_their_unit(monkeypatch: pytest.MonkeyPatch, raw: str, size: int) -> None:
    monkeypatch.setenv("SAMPLE", raw)
    assert env.size("SAMPLE", 0) == size


def test_an_empty_value_means_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SAMPLE", " ")
    assert env.integer("SAMPLE", 8) == 8
    assert env.listing("SAMPLE", ["x"]) == ["x"]
    assert env.boolean("SAMPLE", True) is True


def test_a_database_address_is_taken_apart() -> None:
    found = env.database("postgresql://me:p%40ss@db.example:6432/holdfast?sslmode=require")
    assert found["NAME"] == "holdfast"
    assert found["PASSWORD"] == "p@ss"
    assert found["PORT"] == "6432"
    assert found["OPTIONS"] == {"sslmode": "require"}
    assert env.database("postgresql://postgres:@/holdfast?host=/var/run/pg")["HOST"] == "/var/run/pg"


@pytest.mark.parametrize("address", ["sqlite:///db.sqlite3", "mysql://u:p@h/x", "postgresql://host"])
def test_another_database_engine_is_refused(address: str) -> None:
    with pytest.raises(env.SettingError, match="DATABASE_URL"):
        env.database(address)


def test_a_password_in_a_wrong_database_address_is_not_shown() -> None:
    with pytest.raises(env.SettingError) as refused:
        env.database("mysql://me:hunter2@host/x")
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "name"),
    [
        ({"PORT": "none"}, "PORT"),
        ({"UPLOAD_MAX_SIZE": "huge"}, "UPLOAD_MAX_SIZE"),
        ({"PROFILE": "production", "SECRET_KEY": ""}, "SECRET_KEY"),
        ({"PROFILE": "production", "SECRET_KEY": "x" * 60, "DATABASE_URL": ""}, "DATABASE_URL"),
    ],
)
def test_a_command_with_a_wrong_setting_stops_with_one_line(changes: dict[str, str], name: str) -> None:
    done = subprocess.run([sys.executable, "manage.py", "check"], cwd=ROOT, env=os.environ | changes, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert name in done.stderr
    assert "Traceback" not in done.stderr


def test_every_setting_is_documented() -> None:
    documented = (ROOT / ".env.example").read_text()
    source = "".join((ROOT / "config" / name).read_text() for name in ("settings.py", "upload_settings.py", "s3_settings.py", "launcher.py"))
    names = set(re.findall(r'env\.(?:text|boolean|integer|number|size|choice|listing|path|url)\("(\w+)"', source))
    assert len(names) > 20
    assert not {name for name in names if f"{name}=" not in documented}
