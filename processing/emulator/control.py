"""The control endpoint: faults, clock, journal, reset. Nothing of it is the service's; it is for tests and for people who try things out."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from .faults import rule_of
from .handling import Answer, Request
from .operations import SUPPORTED
from .service import Emulator

PREFIX = "/_emulator/"


def control(emulator: Emulator, request: Request) -> Answer:
    """Answer a request below `/_emulator/`. What it cannot understand gets 400 with the reason."""
    parts = urlsplit(request.target)
    what = f"{request.method} {parts.path.removeprefix(PREFIX)}"
    try:
        return Answer(200, _do(emulator, what, parse_qs(parts.query), request.body))
    except KeyError:
        return Answer(404, {"message": f"there is no {what} here; there are {', '.join(sorted(_ACTIONS))}"})
    except (ValueError, TypeError) as wrong:
        return Answer(400, {"message": str(wrong)})


def _do(emulator: Emulator, what: str, query: dict[str, list[str]], body: bytes) -> Any:
    action = _ACTIONS[what]
    return action(emulator, query, json.loads(body) if body.strip() else None)


def _add_faults(emulator: Emulator, query: dict[str, list[str]], body: Any) -> Any:
    documents = body if isinstance(body, list) else [body]
    if not all(isinstance(document, dict) for document in documents):
        raise ValueError("a JSON list of rules is wanted")
    emulator.faults.add([rule_of(document) for document in documents])
    return emulator.faults.listing()


def _clear_faults(emulator: Emulator, query: dict[str, list[str]], body: Any) -> Any:
    emulator.faults.clear()
    return []


def _journal(emulator: Emulator, query: dict[str, list[str]], body: Any) -> Any:
    return emulator.journal.since(int(query.get("since", ["0"])[0]))


def _advance(emulator: Emulator, query: dict[str, list[str]], body: Any) -> Any:
    if not isinstance(body, dict) or not isinstance(body.get("advance_s"), int | float):
        raise ValueError('{"advance_s": seconds} is wanted')
    return {"now": emulator.clock.advance(float(body["advance_s"]))}


def _reset(emulator: Emulator, query: dict[str, list[str]], body: Any) -> Any:
    seed = body.get("seed") if isinstance(body, dict) else None
    if seed is not None and not isinstance(seed, int):
        raise ValueError("seed: must be a whole number")
    return {"stopped": emulator.reset(seed=seed)}


def _health(emulator: Emulator, query: dict[str, list[str]], body: Any) -> Any:
    options = emulator.options
    facts = {"mode": "fast" if options.fast else "real", "seed": options.seed, "account": options.account, "now": emulator.clock.now()}
    return {"ok": True, "operations": sorted(SUPPORTED), "events_waiting": not emulator.events.idle(), **facts}


_ACTIONS = {
    "POST faults": _add_faults,
    "DELETE faults": _clear_faults,
    "GET faults": lambda emulator, query, body: emulator.faults.listing(),
    "GET journal": _journal,
    "POST clock": _advance,
    "POST reset": _reset,
    "GET health": _health,
}
