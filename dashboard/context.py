from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from dashboard.status import notice
from notifications.selectors import unread_count
from resilience.watching import readiness

_SECTIONS = {"videos": "library", "inbox": "inbox", "tickets": "tickets", "help": "help", "problems": "help", "account": "account", "": "library"}


def navigation(request: HttpRequest) -> dict[str, Any]:
    """What every page's header shows. The count is asked for only when a page draws it."""
    section = _SECTIONS.get(request.path.strip("/").split("/", 1)[0], "")
    return {
        "section": section,
        "unread": SimpleLazyObject(lambda: unread_count(request.user)),
        "notice": SimpleLazyObject(lambda: notice(readiness.latest())),
    }
