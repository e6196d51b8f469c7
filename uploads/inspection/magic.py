"""What a file is by its first bytes. Wide enough to let every file of the kinds we take through, sure about what is none of them."""

from __future__ import annotations

from resilience.errors import AppError
from uploads.errors import FileIsDocument, FileIsPicture, FileIsText, NotMedia

PICTURE_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1", b"avif", b"avis")
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"moof", b"styp", b"uuid", b"sidx")
_PICTURES = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a", b"BM", b"II*\x00", b"MM\x00*", b"\x00\x00\x01\x00", b"8BPS", b"qoif")
_DOCUMENTS = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "an archive or office document"),
    (b"PK\x05\x06", "an archive"),
    (b"Rar!\x1a\x07", "an archive"),
    (b"7z\xbc\xaf\x27\x1c", "an archive"),
    (b"\x1f\x8b", "a compressed file"),
    (b"BZh", "a compressed file"),
    (b"\xfd7zXZ\x00", "a compressed file"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an office document"),
    (b"MZ", "a program"),
    (b"\x7fELF", "a program"),
    (b"SQLite format 3\x00", "a database"),
)
_TEXT_CONTROLS = frozenset(b"\t\n\r\x0b\x0c\x1b")


def container_of(start: bytes) -> str:
    """Return the container family the first bytes belong to: mp4, matroska, avi, wav, mpegts, ogg, flac, mp3, or "" for none of them."""
    if start[4:8] in _BOXES and start[8:12] not in PICTURE_BRANDS:
        return "mp4"
    if start.startswith(b"\x1aE\xdf\xa3"):
        return "matroska"
    if start[:4] in (b"RIFF", b"RF64") and start[8:12] in (b"AVI ", b"WAVE"):
        return "avi" if start[8:12] == b"AVI " else "wav"
    for mark, family in ((b"OggS", "ogg"), (b"fLaC", "flac"), (b"ID3", "mp3")):
        if start.startswith(mark):
            return family
    if _is_transport_stream(start):
        return "mpegts"
    return "mp3" if _has_mpeg_audio(start) else ""


def refusal_of_start(start: bytes, *, name: str, whole: bool) -> AppError | None:
    """Return why a file that starts like this cannot be media, or None when it may be.

    Args:
        start: the first bytes, up to 64 KiB.
        name: what its owner calls it.
        whole: True when that is all of the file.
    """
    if container_of(start):
        return None
    shown = name or "without a name"
    if start.startswith(_PICTURES) or start[4:8] == b"ftyp" or (start[:4] == b"RIFF" and start[8:12] == b"WEBP"):
        return FileIsPicture(name=shown)
    for mark, what in _DOCUMENTS:
        if start.startswith(mark):
            return FileIsDocument(what=what, name=shown)
    if _is_text(start, whole=whole):
        return FileIsText(name=shown)
    return NotMedia(name=shown)


def _is_transport_stream(start: bytes) -> bool:
    """Five sync bytes one packet apart (188 bytes, or 192 with a time stamp), from any of the first packet's bytes."""
    for packet in (188, 192):
        if len(start) < packet:
            continue
        checks = min(5, len(start) // packet)
        for shift in range(packet):
            if all(start[shift + packet * index : shift + packet * index + 1] == b"G" for index in range(checks)):
                # A short file must be made of whole packets: one "G" somewhere proves nothing.
                return checks >= 3 or (shift in (0, 4) and len(start) % packet == 0)
    return False


_BITRATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),  # MPEG 1 layer III, kbit/s
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),  # MPEG 2.5
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


def _has_mpeg_audio(start: bytes) -> bool:
    """Three layer III frames, each where the one before says."""
    at = start.find(b"\xff")
    while 0 <= at < 32 * 1024:
        position, frames = at, 0
        while frames < 3 and (size := _frame_size(start[position : position + 4])):
            position, frames = position + size, frames + 1
        if frames == 3 or (frames and position >= len(start)):
            return True
        at = start.find(b"\xff", at + 1)
    return False


def _frame_size(header: bytes) -> int:
    """Bytes of the MPEG audio layer III frame with this header; 0 when it is none (ISO/IEC 11172-3, 2.4.1)."""
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return 0
    version, rate, bitrate = header[1] >> 3 & 3, header[2] >> 2 & 3, header[2] >> 4
    if version == 1 or rate == 3 or bitrate in (0, 15):
        return 0
    samples = 144 if version == 3 else 72
    return samples * 1000 * _BITRATES[version][bitrate] // _RATES[version][rate] + (header[2] >> 1 & 1)


def _is_text(start: bytes, *, whole: bool) -> bool:
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as fault:
        if whole or fault.start < len(start) - 4:  # a character cut at the end is no fault
            return False
    return not any(byte < 32 and byte not in _TEXT_CONTROLS for byte in start)
