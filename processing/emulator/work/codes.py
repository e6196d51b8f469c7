"""What ends a job: the service's codes, the words that go with them, and how S3's and ffmpeg's words become one. Pure."""

from __future__ import annotations

import re

# What the service says, as far as its documentation and people's reports show it. Used for a fault that brings no words of its own.
TYPICAL = {
    1010: "Unable to open input file [s3://bucket/key]: [Failed probe/open: [No parser found for container]]",
    1020: "No video found in the input file [s3://bucket/key]",
    1021: "No audio frames decoded on [selector-(Audio Selector 1)-track-1-drc]",
    1022: "Unable to find the embedded timecode in the input",
    1030: "Video codec [svq1] is not a supported input video codec",
    1040: "Invalid selector_sequence_id [0] for audio_description [1].",
    1041: "Your job settings aren't compatible with accelerated transcoding",
    1042: "Your input is too small for accelerated transcoding",
    1043: "Your input file isn't compatible with accelerated transcoding: empty edit lists",
    1050: "No space left on device",
    1056: "Unable to open file: MGILoaderMOV",
    1060: "Decoder closed. No pictures decoded",
    1075: "Demuxer: [ReadPacketData File read failed - no moov box found in file]",
    1076: "Demuxer: [ReadPacketData File read failed - end of file hit at length [1000]. Is file truncated?]",
    1080: "Unable to configure the MXF output",
    1091: "Unable to get the content key: server returned 500",
    1092: "Unable to initialize the audio decoder: invalid Dolby header",
    1093: "The audio description channels are not configured correctly",
    1401: "Unable to open input file [s3://bucket/key]: [Failed probe/open: [Failed to read data: AssumeRole or S3 access denied]]",
    1404: "Unable to open input file [s3://bucket/key]: [Failed probe/open: [Failed to read data: HeadObject failed]]",
    1432: "The IAM role is not valid",
    1433: "The IAM role does not exist or cannot be assumed",
    1434: "AssumeRole failed: check the role's trust policy",
    1507: "No space left on device",
    1515: "The ARN of the IAM role is malformed",
    1517: "S3 Write Error: [Failed to write data: PutObject failed]",
    1522: "Internal timeout",
    1550: "Accelerated transcoding failed",
    1601: "Nielsen watermarking failed",
    1602: "NexGuard watermarking failed",
    1603: "Kantar watermarking failed",
    1700: "Dolby Vision metadata is not valid on frame 12",
    1999: "Unknown error",
    3400: "The HLS input manifest could not be read",
    3401: "HTTP 401: the input needs a login",
    3403: "HTTP 403: access to the input is forbidden",
    3404: "HTTP 404: the input does not exist",
    3408: "The input could not be fetched in time",
    3450: "HTTP 503: the server of the input failed",
    3451: "Unable to connect to the server of the input",
    3452: "The URL of the input is malformed",
    3453: "The input's server redirects without an end",
    3454: "The name of the input's server could not be resolved; wait and retry",
    3455: "The TLS connection to the input's server failed",
    3456: "The host of the input is not valid",
    3457: "The input policy does not allow this location",
    3458: "The input's server does not support ranged GET requests",
    3999: "Unexpected HTTP error",
}

_DENIED = frozenset({"403", "AccessDenied", "Forbidden", "InvalidAccessKeyId", "SignatureDoesNotMatch", "KMS.DisabledException", "AllAccessDisabled"})
_MISSING = frozenset({"404", "NoSuchKey", "NoSuchBucket", "NotFound"})


class JobError(Exception):
    """A job fails.

    Args:
        code: of the service.
        message: its words.
    """

    def __init__(self, code: int, message: str = "") -> None:
        self.code, self.message = code, message or TYPICAL.get(code, "Unknown error")
        super().__init__(f"{self.code}: {self.message}")


def read_failure(url: str, code: str) -> JobError:
    """Return how a job fails whose input S3 does not give out, for S3's code (or HTTP status) of HEAD or GET."""
    if code in _MISSING:
        return JobError(1404, _unopened(url, "Failed to read data: HeadObject failed"))
    if code in _DENIED:
        return JobError(1401, _unopened(url, "Failed to read data: S3 access denied"))
    return JobError(3450, _unopened(url, f"Failed to read data: S3 answered {code}"))


def write_failure(url: str, code: str) -> JobError:
    """Return how a job fails whose outputs S3 does not take."""
    if code in _DENIED:
        return JobError(1401, f"Unable to write to output file [{url}]: [Failed to write data: Access Denied]")
    words = {"NoSuchBucket": "The specified bucket does not exist", "404": "The specified bucket does not exist"}.get(code, code)
    return JobError(1517, f"S3 Write Error: unable to write to output file [{url}]: [Failed to write data: {words}]")


def no_parser(url: str) -> JobError:
    return JobError(1010, _unopened(url, "No parser found for container"))


def no_moov() -> JobError:
    return JobError(1075, TYPICAL[1075])


def bad_structure() -> JobError:
    return JobError(1075, "Demuxer: [invalid AVC header or damaged container structure in the input]")


def truncated(length: int) -> JobError:
    """Args: length: bytes at which the file ends."""
    return JobError(1076, f"Demuxer: [ReadPacketData File read failed - end of file hit at length [{length}]. Is file truncated?]")


def no_video(url: str) -> JobError:
    return JobError(1020, f"No video found in the input file [{url}]")


def bad_codec(kind: str, codec: str) -> JobError:
    """Args: kind: Video or Audio."""
    return JobError(1030, f"{kind} codec [{codec}] is not a supported input {kind.lower()} codec")


def _unopened(url: str, why: str) -> str:
    return f"Unable to open input file [{url}]: [Failed probe/open: [{why}]]"


_TRUNCATED = re.compile(r": partial file|File ended prematurely|in#\d+/(?!mpeg)\S* .*corrupt input packet")
_NO_ROOM = re.compile(r"No space left on device|Cannot allocate memory")
_SOUND = re.compile(r"\[(aist#|dec:(aac|ac3|eac3|mp3|mp2|opus|vorbis|flac|alac|pcm|wma)|(aac|ac3|eac3|mp3\w*|opus|vorbis|flac|alac) @)")
_STRUCTURE = re.compile(r"CRC mismatch|exceeds containing master element")
_DAMAGE = re.compile(r"Invalid data found|Invalid NAL|corrupt|Error submitting|Error processing|Decoding error|while decoding|missing picture|error while")


def decode_failure(words: str, *, size: int) -> JobError:
    """Return how a job fails whose transcode stopped, from what ffmpeg said about it (lines of level error and above, the first ones first).

    Args:
        size: bytes of the input.
    """
    if _NO_ROOM.search(words):
        return JobError(1507, TYPICAL[1507])
    return damage(words, size=size) or JobError(1999, "Unknown error")


def damage(words: str, *, size: int) -> JobError | None:
    """Return the damage of an input that ffmpeg spoke of, if any; it may end well all the same, with a part of the film."""
    if _TRUNCATED.search(words):
        return truncated(size)
    if _STRUCTURE.search(words):
        return bad_structure()
    first = next((line for line in words.splitlines() if _DAMAGE.search(line)), "")
    if not first:
        return None
    if _SOUND.search(first):
        return JobError(1092, "Unable to decode the audio: the audio decoder found corrupt data in the input")
    return JobError(1999, "Decoder error: corrupt video data in the input")
