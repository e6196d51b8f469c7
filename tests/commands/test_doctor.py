"""The doctor: looks at everything, mends in words, and never falls ill himself."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from resilience import doctor
from resilience.doctor import database, machine, registry, work
from resilience.models import Task
from resilience.models.circuits import CircuitState
from resilience.models.tasks import TaskState
from tests.admin.rows import make_circuit, make_task

ROOT = Path(__file__).parent.parent.parent
EXPECTED = {
    "Database", "Migrations", "Durability", "Clock", "Versions", "Files", "ffmpeg", "PyAV", "Static files", "Cache", "Mail", "Secret key",
    "Sentry", "Host", "Worker", "Leases", "Dead letters", "Circuits",
}  # fmt: skip
KEPT = {"SHOW fsync", "SHOW synchronous_commit", "SHOW full_page_writes"}


@pytest.fixture
def _only_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Checks a test registers are gone after it."""
    monkeypatch.setattr(registry, "_CHECKS", dict(registry._CHECKS))


@pytest.fixture(autouse=True)
def _kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database of the tests keeps nothing over a power cut; the doctor is to see one that does."""
    ask = database._value
    monkeypatch.setattr(database, "_value", lambda sql: "on" if sql in KEPT else ask(sql))


def test_a_database_that_takes_back_what_was_acknowledged_is_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_value", lambda sql: "off" if sql == "SHOW fsync" else "on")
    found = database.durability()
    assert (found.state, found.said) == (registry.State.FAILED, "PostgreSQL runs with fsync off.")


def run(*arguments: str) -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("doctor", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


@pytest.mark.django_db
def test_a_sound_house_is_told_so() -> None:
    code, out = run()
    assert code == 0, out
    assert "FAILED" not in out
    assert "PostgreSQL" in out
    assert "ffmpeg version" in out


@pytest.mark.django_db
def test_json_has_one_shape() -> None:
    code, out = run("--json")
    data = json.loads(out)
    assert code == 0
    assert data["failed"] == 0
    assert {check["name"] for check in data["checks"]} >= EXPECTED
    for check in data["checks"]:
        assert set(check) == {"name", "state", "said", "mend", "seconds"}
        assert check["state"] in ("ok", "warning", "failed")
        assert bool(check["mend"]) == (check["state"] != "ok"), "what is wrong has a mend, what is right has none"


@pytest.mark.django_db
@pytest.mark.usefixtures("_only_registered")
def test_a_check_that_breaks_is_a_finding_and_the_others_still_run() -> None:
    @doctor.check("Broken")
    def broken() -> doctor.Finding:
        raise ZeroDivisionError("by nothing")

    code, out = run("--json")
    found = {check["name"]: check for check in json.loads(out)["checks"]}
    assert code == 1
    assert found["Broken"]["state"] == "failed"
    assert "ZeroDivisionError: by nothing" in found["Broken"]["said"]
    assert set(found) >= EXPECTED


@pytest.mark.usefixtures("_only_registered")
def test_two_checks_cannot_share_a_name() -> None:
    @doctor.check("Once")
    def once() -> doctor.Finding:
        return doctor.ok("")

    with pytest.raises(ValueError, match="Once"):

        @doctor.check("Once")
        def twice() -> doctor.Finding:
            return doctor.ok("")


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=os.environ | environment, capture_output=True, text=True, timeout=60, check=False
    )


def test_without_a_database_it_says_so_and_looks_at_the_rest() -> None:
    done = command("doctor", "--json", DATABASE_URL="postgresql://nobody:secret-word@127.0.0.1:1/nothing")
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert "secret-word" not in done.stdout + done.stderr
    found = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    assert found["Database"]["state"] == "failed"
    assert "DATABASE_URL" in found["Database"]["mend"]
    assert found["Worker"]["said"].startswith("Not looked at")
    assert found["PyAV"]["state"] == "ok"


def test_a_database_address_that_is_none_ends_with_its_name_and_no_trace() -> None:
    done = command("doctor", DATABASE_URL="mysql://x/y")
    assert done.returncode == 2
    assert "DATABASE_URL" in done.stderr
    assert "Traceback" not in done.stderr


# --- single findings ---


@pytest.mark.django_db
def test_late_tasks_without_a_worker_are_a_failure(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    assert work.worker().state == doctor.State.WARNING
    make_task(run_at=timezone.now() - timedelta(minutes=10))
    finding = work.worker()
    assert finding.state == doctor.State.FAILED
    assert "1 tasks are more than 2 minutes late" in finding.said
    assert "run_worker" in finding.mend


@pytest.mark.django_db
def test_late_tasks_with_a_worker_are_a_warning(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker.pid").write_text(f"{os.getpid()}\n")
    make_task(run_at=timezone.now() - timedelta(minutes=10))
    assert work.worker().state == doctor.State.WARNING


@pytest.mark.django_db(transaction=True)  # within one transaction PostgreSQL shows who was connected when first asked
def test_a_connected_worker_is_seen_and_a_pid_file_of_a_dead_one_is_not(settings: Any, tmp_path: Path) -> None:
    import psycopg

    settings.VAR_DIR = tmp_path
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "worker.pid").write_text("4194305")  # above every pid Linux gives
    assert work.worker().state == doctor.State.WARNING
    database = settings.DATABASES["default"]
    parameters = {"dbname": database["NAME"], "host": database["HOST"], "port": database["PORT"], "user": database["USER"], "password": database["PASSWORD"]}
    given = {name: value for name, value in parameters.items() if value}
    with psycopg.connect(**given, application_name="holdfast-worker", autocommit=True) as worker:
        worker.execute("SELECT 1")
        finding = work.worker()
    assert finding.state == doctor.State.OK, finding.said
    assert "At work on" in finding.said


@pytest.mark.django_db
def test_stuck_leases_dead_letters_and_open_circuits_are_found() -> None:
    assert {finding().state for finding in (work.leases, work.dead_letters, work.circuits)} == {doctor.State.OK}
    make_task(state=TaskState.LEASED, lease_expires_at=timezone.now() - timedelta(minutes=3))
    make_task(state=TaskState.DEAD, kind="uploads.inspect")
    make_circuit(name="mail", state=CircuitState.OPEN, last_error="ConnectionRefusedError")
    assert work.leases().state == doctor.State.FAILED
    assert "1 of them uploads.inspect" in work.dead_letters().said
    assert work.circuits().said == "mail is Open (ConnectionRefusedError)."
    assert Task.objects.count() == 2


def test_a_folder_that_cannot_be_written_is_found(settings: Any, tmp_path: Path) -> None:
    settings.VAR_DIR = tmp_path / "nowhere"
    assert machine.files().state == doctor.State.FAILED


@pytest.mark.parametrize(("free", "state"), [(50, doctor.State.OK), (7, doctor.State.WARNING), (3, doctor.State.FAILED)])
def test_a_disk_that_fills_is_told_in_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: Any, free: int, state: doctor.State) -> None:
    settings.VAR_DIR = tmp_path
    monkeypatch.setattr("shutil.disk_usage", lambda _path: type("Usage", (), {"total": 100 * 2**30, "free": free * 2**30})())
    assert machine.files().state == state


@pytest.mark.parametrize("program", ["/nowhere/ffmpeg", "/bin/false"])
def test_an_ffmpeg_that_does_not_run_is_found(settings: Any, program: str) -> None:
    settings.FFMPEG = program
    assert machine.ffmpeg().state == doctor.State.FAILED


def test_production_needs_mail_and_wants_sentry(settings: Any) -> None:
    settings.PRODUCTION = True
    assert machine.mail().state == doctor.State.FAILED
    assert machine.sentry().state == doctor.State.WARNING
    settings.MAIL_DELIVERY = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert "does not take mail" in machine.mail().said


def test_static_files_that_were_never_collected_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from config.static import HashedStaticFiles

    monkeypatch.setattr(machine, "staticfiles_storage", HashedStaticFiles(location=tmp_path))
    assert machine.static_files().state == doctor.State.FAILED
    (tmp_path / "staticfiles.json").write_text(
        json.dumps({"version": "1.1", "hash": "", "paths": {"admin/css/base.css": "x", "admin-console/console.css": "y"}})
    )
    monkeypatch.setattr(machine, "staticfiles_storage", HashedStaticFiles(location=tmp_path))
    assert machine.static_files().state == doctor.State.OK


def test_a_weak_key_is_found() -> None:
    assert len(settings.SECRET_KEY) >= 50
    assert machine.secret_key().state == doctor.State.OK
