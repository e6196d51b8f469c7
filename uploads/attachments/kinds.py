"""What a file is by its content, and whether it may lie in a ticket: known kinds only, and nothing that a machine would run."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from dataclasses import dataclass

from uploads.inspection.magic import container_of

TEXT_ENDINGS = frozenset({"txt", "text", "log", "json", "csv", "tsv", "md", "srt", "vtt"})
PICTURE_ENDINGS = frozenset({"png", "jpg", "jpeg", "gif", "webp"})
ENDINGS = TEXT_ENDINGS | PICTURE_ENDINGS | {"pdf"}
_PICTURES = ((b"\x89PNG\r\n\x1a\n", "PNG picture"), (b"\xff\xd8\xff", "JPEG picture"), (b"GIF87a", "GIF picture"), (b"GIF89a", "GIF picture"))
# What to call the things people are most likely to send; anything else that is not known is refused all the same.
_HARMFUL = (
    (b"MZ", "a Windows program"),
    (b"\x7fELF", "a program"),
    (b"\xca\xfe\xba\xbe", "a program"),
    (b"\xfe\xed\xfa\xce", "a program"),
    (b"\xfe\xed\xfa\xcf", "a program"),
    (b"\xce\xfa\xed\xfe", "a program"),
    (b"\xcf\xfa\xed\xfe", "a program"),
    (b"\x00asm", "a program"),
    (b"dex\n", "a program"),
    (b"L\x00\x00\x00\x01\x14\x02\x00", "a Windows shortcut"),
    (b"#!", "a script"),
    (b"PK\x03\x04", "an archive or office document"),
    (b"PK\x05\x06", "an archive"),
    (b"Rar!\x1a\x07", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"MSCF", "an archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"\xfd7zXZ\x00", "a compressed file"),
    (b"\x28\xb5\x2f\xfd", "a compressed file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (b"{\\rtf", "an office document"),
)
_LETTERS = (b"MZ", b"BZh", b"MSCF", b"dex\n")  # a text may begin so; what they really mark has other bytes soon after
_WIDE = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
_CONTROLS = frozenset(range(32)) - frozenset(b"\t\n\r\x0b\x0c\x1b\x08")  # terminals' logs have escapes and backspaces
_BINARY = bytes(sorted(_CONTROLS | {0x7F}))
PDF_WITHIN = 1024  # readers look for the mark in the first KiB


@dataclass(frozen=True, slots=True)
class Kind:
    """What the content is. `harmful` names what must not be kept, in words; `words` names what may."""

    words: str = ""
    harmful: str = ""

    @property
    def is_text(self) -> bool:
        return self.words == "Text"


UNKNOWN = Kind()


def kind_of(start: bytes) -> Kind:
    """Return what a file is by its first bytes, up to 64 KiB. Markup, scripts and programs are looked for before everything else."""
    text = is_text([start])
    for mark, what in _HARMFUL:
        if start.startswith(mark) and not (text and mark in _LETTERS):
            return Kind(harmful=what)
    if markup := _markup(start):
        return Kind(harmful=markup)
    for mark, words in _PICTURES:
        if start.startswith(mark):
            return Kind(words)
    if start[:4] == b"RIFF" and start[8:12] == b"WEBP":
        return Kind("WebP picture")
    if start.startswith(b"%PDF-") or b"\n%PDF-" in start[:PDF_WITHIN]:
        return Kind("PDF document")
    if text:
        return Kind("Text")
    family = container_of(start)
    return Kind(f"Video or sound ({family})") if family else UNKNOWN


def is_text(blocks: Iterable[bytes]) -> bool:
    """True when these blocks, one after the other, are text in any encoding that people's machines write: no control characters.

    Old machines write other bytes than UTF-8, and logs mix encodings; none of that is of any harm. UTF-16 is known by its mark.
    """
    decoder: codecs.IncrementalDecoder | None = None
    for number, block in enumerate(blocks):
        if number == 0 and (wide := _WIDE.get(block[:2])):
            decoder = codecs.getincrementaldecoder(wide)("replace")
        if decoder is not None:
            block = decoder.decode(block).encode()
        if len(block.translate(None, _BINARY)) != len(block):
            return False
    return True


def _markup(start: bytes) -> str:
    """Say what markup a file begins with, as a browser would find it: after any mark of the encoding and white space."""
    text = start[:4096]
    for mark, encoding in (*_WIDE.items(), (codecs.BOM_UTF8, "utf-8")):
        if text.startswith(mark):
            text = text[len(mark) :].decode(encoding, "replace").encode()
    text = text.lstrip(b"\x00\t\n\x0b\x0c\r ").lower()
    if not text.startswith(b"<") or not (text[1:2].isalpha() or text[1:2] in (b"!", b"?", b"/", b"%")):
        return ""
    if b"<svg" in text:
        return "an SVG drawing, which can hold a program"
    return "a script" if text.startswith((b"<?php", b"<%", b"<script")) else "a web page or other markup"
