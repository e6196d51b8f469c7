"""Rows for tests, with every value that matters visible at the call."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from processing.models import Job
from uploads.models import SessionState, UploadSession, Video

_numbers = itertools.count(1)


def make_user(*, email: str = "", password: str = "correct horse battery", staff: bool = False, superuser: bool = False) -> User:
    address = email or f"person{next(_numbers)}@example.org"
    user = User.objects.create_user(username=address, email=address, password=password)
    user.is_staff = staff or superuser
    user.is_superuser = superuser
    user.save()
    return user


def make_video(*, owner: User | None = None, title: str = "holiday.mp4", **values: Any) -> Video:
    return Video.objects.create(owner=owner or make_user(), title=title, **values)


def make_session(
    *, video: Video | None = None, length: int | None = 1000, committed: int = 0, state: str = SessionState.RECEIVING, **values: Any
) -> UploadSession:
    video = video or make_video()
    values.setdefault("file_name", video.title)
    values.setdefault("expires_at", timezone.now() + timedelta(days=1))
    return UploadSession.objects.create(video=video, owner=video.owner, length=length, committed=committed, state=state, **values)


def make_job(*, video: Video | None = None, **values: Any) -> Job:
    session = make_session(video=video, length=1000, committed=1000, state=SessionState.ACCEPTED)
    values.setdefault("engines", ["local"])
    return Job.objects.create(video=session.video, source=session, **values)
