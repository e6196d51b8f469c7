"""A place in a request, with its path as the service writes it and the faults found so far."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


def wire(name: str) -> str:
    """Return a member's name in JSON: all of the service's begin in lower case there."""
    return name[0].lower() + name[1:]


@dataclass(frozen=True, slots=True)
class Place:
    """A structure of the request. Missing ones are empty, so that rules need not ask.

    Args:
        value: its members, by the model's names.
        path: "" is the root of the job's settings.
    """

    value: dict[str, Any]
    path: str
    faults: list[str]

    def get(self, name: str, default: Any = None) -> Any:
        return self.value.get(name, default)

    def __contains__(self, name: str) -> bool:
        return name in self.value

    def at(self, name: str) -> Place:
        return Place(self.value.get(name) or {}, f"{self.path}/{wire(name)}", self.faults)

    def each(self, name: str) -> Iterator[Place]:
        for index, item in enumerate(self.value.get(name) or []):
            yield Place(item, f"{self.path}/{wire(name)}/{index}", self.faults)

    def say(self, words: str, name: str = "") -> None:
        """Note a fault of a member, or of the place itself."""
        self.faults.append(f"{self.path}/{wire(name)}: {words}" if name else f"{self.path or '/'}: {words}")

    def need(self, *names: str) -> None:
        """Note each of these members that is missing."""
        for name in names:
            if name not in self.value:
                self.say(f"{wire(name)} is a required property")

    def need_items(self, name: str) -> None:
        if not self.value.get(name):
            self.say("Should have at least 1 items", name)

    def even(self, *names: str) -> None:
        """[O] Sizes and places in pixels are even at this service, whatever the codec."""
        for name in names:
            if self.value.get(name, 0) % 2:
                self.say("Should be a multiple of 2", name)

    def one_of(self, kind: str) -> None:
        """Check that exactly the settings are there that the kind (`Codec`, `Type`) names: `H_264` wants `H264Settings`.

        [O] "codec is a required property", "Should have at least 2 properties", "at most 2 properties", "codec: Must be H_264".
        """
        self.need(kind)
        have = [name for name in self.value if name.endswith("Settings")]
        if kind not in self.value:
            return
        wanted = self.value[kind].replace("_", "").removesuffix("GROUPSETTINGS").removesuffix("SETTINGS").lower()
        if len(have) > 1:
            self.say("Should have at most 2 properties")
        elif not have and wanted != "passthrough":
            self.say("Should have at least 2 properties")
        elif have and have[0].removesuffix("GroupSettings").removesuffix("Settings").lower() != wanted:
            self.say("Should match all dependencies: See other errors for more details", have[0])
            self.say(f"Must match {wire(have[0])}", kind)
