"""This machine and this installation: versions, disk, media tools, static files, cache, mail, secrets."""

from __future__ import annotations

import os
import shutil
import smtplib
import socket
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path

import django
import psutil
from django.conf import settings
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage, staticfiles_storage
from django.core.cache import cache

from resilience.version import VERSION

from .registry import Finding, check, failed, ok, warning

GIB = 2**30


@check("Versions")
def versions() -> Finding:
    said = f"Holdfast {VERSION}, Python {sys.version.split()[0]}, Django {django.get_version()}."
    if django.VERSION[:2] != (5, 2):
        return warning(said, "Holdfast is tested with Django 5.2: install requirements/base.txt again.")
    return ok(said)


@check("Files")
def files() -> Finding:
    """VAR_DIR takes a file that survives a power cut, and has room."""
    folder = Path(settings.VAR_DIR)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".doctor-") as file:
            file.write(b"x")
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return failed(f"{folder} cannot be written: {error.strerror}.", "Create it, or give it to the user Holdfast runs as (VAR_DIR).")
    usage = shutil.disk_usage(folder)
    share = usage.free / usage.total if usage.total else 0.0
    said = f"{folder} can be written; {usage.free / GIB:.1f} GiB ({100 * share:.0f} %) free."
    if share < settings.DISK_FULL_SHARE:
        return failed(said, f"Make room now: below {100 * settings.DISK_FULL_SHARE:.0f} % nothing new is begun.")
    if share < settings.DISK_LOW_SHARE:
        return warning(said, "Make room: delete old renditions or give VAR_DIR a larger disk.")
    return ok(said)


@check("ffmpeg")
def ffmpeg() -> Finding:
    mend = "Install imageio-ffmpeg (requirements/base.txt), or set FFMPEG to the path of an ffmpeg that runs."
    program = settings.FFMPEG
    if not program:
        import imageio_ffmpeg

        try:
            program = imageio_ffmpeg.get_ffmpeg_exe()
        except RuntimeError:
            return failed("No ffmpeg was found.", mend)
    try:
        done = subprocess.run([program, "-hide_banner", "-version"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return failed(f"{program} does not run: {error}", mend)
    if done.returncode:
        return failed(f"{program} ends with {done.returncode}.", mend)
    return ok(done.stdout.splitlines()[0] if done.stdout else program)


@check("PyAV")
def pyav() -> Finding:
    try:
        import av
    except ImportError as error:
        return failed(f"It cannot be loaded: {error}", "Install av (requirements/base.txt) for this machine's processor.")
    libraries = ".".join(str(part) for part in av.library_versions["libavformat"])
    return ok(f"PyAV {av.__version__} with libavformat {libraries}.")


@check("Static files")
def static_files() -> Finding:
    storage = staticfiles_storage
    if not isinstance(storage, ManifestStaticFilesStorage):
        return ok("Served by name, without hashes: nothing has to be collected.")
    if storage.manifest_storage is None or not storage.manifest_storage.exists(storage.manifest_name):
        return failed("They are not collected: pages would stop at their first stylesheet.", "Run `manage.py collectstatic --noinput`.")
    missing = [name for name in ("admin/css/base.css", "admin-console/console.css") if name not in storage.hashed_files]
    if missing:
        return failed(f"Collected before {', '.join(missing)} was there.", "Run `manage.py collectstatic --noinput` and restart the web server.")
    return ok(f"{len(storage.hashed_files)} are collected.")


@check("Cache")
def cache_answers() -> Finding:
    key, value = f"doctor-{uuid.uuid4()}", "x"
    cache.set(key, value, 10)
    if cache.get(key) != value:
        return failed("It forgets what it was just told.", "Look at the cache server; rate limits count nothing meanwhile.")
    cache.delete(key)
    return ok(f"{str(settings.CACHES['default']['BACKEND']).rsplit('.', 1)[-1]} keeps what it is told.")


@check("Mail")
def mail() -> Finding:
    if "smtp" not in settings.MAIL_DELIVERY:
        said = f"Letters are written to files in {settings.EMAIL_FILE_PATH}."
        return failed(said, "Set EMAIL_HOST: in production people must get their mail.") if settings.PRODUCTION else ok(said)
    try:
        with smtplib.SMTP(settings.EMAIL_HOST, settings.EMAIL_PORT, timeout=5) as server:
            server.noop()
    except (OSError, smtplib.SMTPException) as error:
        return failed(f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} does not take mail: {error}", "Check EMAIL_HOST and EMAIL_PORT, and that the way is open.")
    if "@localhost" in settings.DEFAULT_FROM_EMAIL:
        return warning(f"Letters come from {settings.DEFAULT_FROM_EMAIL}.", "Set DEFAULT_FROM_EMAIL to an address people can answer.")
    return ok(f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT} takes mail.")


@check("Secret key")
def secret_key() -> Finding:
    key = settings.SECRET_KEY
    if len(key) < 50 or len(set(key)) < 10:
        return failed("It is short or repeats itself.", "Set SECRET_KEY to a random string of 64 characters; everybody has to sign in again.")
    return ok(f"{len(key)} characters.")


@check("Sentry")
def sentry() -> Finding:
    if not settings.SENTRY_DSN:
        return warning("No SENTRY_DSN: faults are in the log only.", "Set SENTRY_DSN.") if settings.PRODUCTION else ok("Not set; faults are in the log.")
    return ok(f"Faults are reported as {settings.ENVIRONMENT}.")


@check("Host")
def host() -> Finding:
    memory = psutil.virtual_memory().available
    said = f"{socket.gethostname()}: {os.cpu_count()} processors, {memory / GIB:.1f} GiB of memory available."
    if memory < GIB / 2:
        return warning(said, "Below 0.5 GiB a conversion may be killed: lower MEDIA_WORKERS or give the machine more.")
    return ok(said)
