"""The error catalogue: what can go wrong, in words a person can act on.

Every error the house raises on purpose is an `AppError` subclass named after the state of the world, carrying one `Entry`.
The same entry feeds problem responses, error cards, notifications, help pages, the console and the retry decision.
Apps declare their own in `<app>/errors.py`; importing the module registers them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar


class Fault(StrEnum):
    USER = "user"
    US = "us"
    PARTNER = "partner"


class Retry(StrEnum):
    """Who moves next: `auto` we do, `after_wait` the caller later, `after_change` the caller with something else, `never` nobody."""

    AUTO = "auto"
    AFTER_WAIT = "after_wait"
    AFTER_CHANGE = "after_change"
    NEVER = "never"


class Category(StrEnum):
    INPUT = "input"
    NETWORK = "network"
    STORAGE = "storage"
    MEDIA = "media"
    ENCODER = "encoder"
    DEPENDENCY = "dependency"
    CAPACITY = "capacity"
    AUTH = "auth"
    CONFLICT = "conflict"
    INTERNAL = "internal"


class ActionKind(StrEnum):
    BUTTON = "button"
    LINK = "link"
    WAIT = "wait"
    CONTACT = "contact"


@dataclass(frozen=True, slots=True)
class Action:
    """One thing a person can do.

    `target` names it for whoever draws it: `retry`, `resume`, `replace_file`, `choose_file`, `cancel`, `login`, `home`,
    `ask_for_help`, `guide:<slug>`, or nothing for a wait. The page that shows the card turns it into an address.
    """

    kind: ActionKind
    label: str
    target: str = ""


@dataclass(frozen=True, slots=True)
class Match:
    """A raw failure this entry stands for: where it comes from, its code there (if any), and a pattern over its message."""

    source: str  # ffmpeg | pyav | botocore | mediaconvert
    code: str = ""
    pattern: str = ""

    def accepts(self, *, source: str, code: str, message: str) -> bool:
        if source != self.source or (self.code and code != self.code):
            return False
        return not self.pattern or re.search(self.pattern, message, re.IGNORECASE) is not None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One kind of failure. `code` is for ever: it is never renamed or given another meaning."""

    code: str
    title: str  # ≤ 60 characters, constant
    what_happened: str  # one plain sentence; may use {fields}
    actions: tuple[Action, ...]
    status: int
    category: Category
    fault: Fault
    retry: Retry
    severity: str = "error"  # info | warning | error | critical
    guide: str = ""  # slug under /help/
    fields: tuple[str, ...] = ()  # every {field} what_happened uses, plus those only programs read
    matches: tuple[Match, ...] = ()
    runbook: str = ""  # what an operator does first, one sentence
    examples: tuple[Mapping[str, Any], ...] = ()
    problem_type: str = ""  # an absolute type URI set by a standard, instead of our own page

    @property
    def slug(self) -> str:
        return self.code.lower().replace("_", "-")

    @property
    def type_uri(self) -> str:
        return self.problem_type or f"/problems/{self.slug}/"

    def sentence(self, fields: Mapping[str, Any]) -> str:
        """Return `what_happened` with its fields filled in; a field that is missing reads as "unknown"."""
        return string.Formatter().vformat(self.what_happened, (), _Known(fields))


class _Known(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "unknown"


@dataclass
class Catalogue:
    """All entries by code. There is one, `CATALOGUE`."""

    _entries: dict[str, Entry] = field(default_factory=dict)

    def register(self, entry: Entry) -> None:
        """Add an entry.

        Raises:
            ValueError: another entry has this code.
        """
        known = self._entries.get(entry.code)
        if known is not None and known != entry:
            raise ValueError(f"Two catalogue entries share the code {entry.code}.")
        self._entries[entry.code] = entry

    def get(self, code: str) -> Entry:
        """Return the entry of a stored code; a code nobody knows any more reads as INTERNAL_UNCLASSIFIED."""
        return self._entries.get(code) or InternalUnclassified.entry

    def by_slug(self, slug: str) -> Entry | None:
        return self._entries.get(slug.upper().replace("-", "_"))

    def __iter__(self) -> Iterator[Entry]:
        return iter(sorted(self._entries.values(), key=lambda entry: entry.code))

    def match(self, *, source: str, code: str = "", message: str = "") -> Entry | None:
        """Return the first entry that stands for a raw failure, or None."""
        for entry in self:
            if any(match.accepts(source=source, code=code, message=message) for match in entry.matches):
                return entry
        return None


CATALOGUE = Catalogue()


class AppError(Exception):
    """Base of every error raised on purpose.

    Args:
        retry_after: seconds until trying again makes sense; becomes the `Retry-After` header.
        errors: per-field faults of a request, each `{"pointer", "code", "detail"}`.
        fields: the entry's typed fields; all safe to show to the person concerned.
    """

    entry: ClassVar[Entry]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "entry" in cls.__dict__:
            CATALOGUE.register(cls.entry)

    def __init__(
        self,
        *,
        retry_after: float | None = None,
        errors: tuple[dict[str, str], ...] = (),
        **fields: Any,
    ) -> None:
        unknown = set(fields) - set(self.entry.fields)
        if unknown:
            raise TypeError(f"{type(self).__name__} has no field {', '.join(sorted(unknown))}.")
        self.retry_after = retry_after
        self.errors = errors
        self.fields = fields
        super().__init__(self.detail)

    @property
    def code(self) -> str:
        return self.entry.code

    @property
    def detail(self) -> str:
        return self.entry.sentence(self.fields)

    def headers(self) -> dict[str, str]:
        """Headers this error asks for on its response, `Retry-After` among them (whole seconds, at least 1)."""
        if self.retry_after is None:
            return {}
        return {"Retry-After": str(max(1, round(self.retry_after)))}


def button(label: str, target: str) -> Action:
    return Action(ActionKind.BUTTON, label, target)


def link(label: str, target: str) -> Action:
    return Action(ActionKind.LINK, label, target)


def wait(label: str) -> Action:
    return Action(ActionKind.WAIT, label)


ASK_FOR_HELP = Action(ActionKind.CONTACT, "Ask for help", "ask_for_help")


class InternalUnclassified(AppError):
    """A failure no entry stands for yet: it gets its own group on the console, so that the catalogue grows."""

    entry = Entry(
        code="INTERNAL_UNCLASSIFIED",
        title="Something went wrong on our side",
        what_happened="We hit a fault of our own and stopped before anything was lost. We have been told about it.",
        actions=(wait("Try again in a minute"), ASK_FOR_HELP),
        status=500,
        category=Category.INTERNAL,
        fault=Fault.US,
        retry=Retry.AFTER_WAIT,
        severity="critical",
        runbook="Find the request id in the logs: the trace is under it. Give the failure an entry of its own.",
    )
