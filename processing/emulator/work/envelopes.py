"""EventBridge's envelopes of `MediaConvert Job State Change`, one function for each status. Pure but for the event's own id.

Shapes: the user guide's pages "Events with … status". Poll answers have no file paths; only COMPLETE tells them.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ..state import Job, Phase
from .made import Made
from .plan import Group
from .source import Source, Track

_VIDEO_CODECS = {"h264": "H_264", "hevc": "H_265", "mpeg2video": "MPEG2", "prores": "PRORES", "vp8": "VP8", "vp9": "VP9", "libdav1d": "AV1", "av1": "AV1"}


def envelope(job: Job, status: str, now: float, **more: Any) -> dict[str, Any]:
    """Return an event.

    Args:
        now: seconds since 1970 on the emulator's clock.
        more: what `detail` holds beside what every status has.
    """
    detail = {"timestamp": int(now * 1000), "accountId": job.account, "queue": job.queue, "jobId": job.id, "status": status, "userMetadata": dict(job.metadata)}
    return {
        "version": "0",
        "id": str(uuid.uuid4()),
        "detail-type": "MediaConvert Job State Change",
        "source": "aws.mediaconvert",
        "account": job.account,
        "time": datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "region": job.region,
        "resources": [job.arn],
        "detail": detail | more,
    }


def input_information(job: Job, now: float, source: Source) -> dict[str, Any]:
    details = {
        "id": 1,
        "uri": source.url,
        "audio": [_sound(track) for track in source.sounds],
        "video": [_picture(track, source) for track in source.tracks if track.kind == "video" and track.codec],
    }
    return envelope(job, "INPUT_INFORMATION", now, inputDetails=[details])


def status_update(job: Job, now: float, phase: Phase, percent: int | None, shares: Mapping[Phase, int], *, frames: int) -> dict[str, Any]:
    """Args: shares: percent of each phase that began. frames: pictures decoded so far."""
    phases = {one.value: {"status": "COMPLETE" if share >= 100 else "PROGRESSING", "percentComplete": share} for one, share in shares.items()}
    phases |= {one.value: {"status": "PENDING", "percentComplete": 0} for one in Phase if one.value not in phases}
    progress = {"phaseProgress": phases, "jobPercentComplete": percent, "currentPhase": phase.value, "retryCount": job.retry_count}
    return envelope(job, "STATUS_UPDATE", now, framesDecoded=frames, jobProgress=progress)


def complete(job: Job, now: float, groups: Sequence[tuple[Group, Sequence[Made]]]) -> dict[str, Any]:
    details = [_group(group, made) for group, made in groups]
    return envelope(job, "COMPLETE", now, warnings=_warnings(job), outputGroupDetails=details, paddingInserted=0, blackVideoDetected=0)


def error(job: Job, now: float, code: int, message: str) -> dict[str, Any]:
    return envelope(job, "ERROR", now, errorCode=code, errorMessage=message, warnings=_warnings(job))


def new_warning(job: Job, now: float, code: int, message: str) -> dict[str, Any]:
    return envelope(job, "NEW_WARNING", now, warningCode=str(code), warningMessage=message)


def details_of(groups: Sequence[tuple[Group, Sequence[Made]]]) -> list[dict[str, Any]]:
    """Return GetJob's OutputGroupDetails: how long and how large, without names."""
    return [{"OutputDetails": [_api_detail(made) for made in all_made]} for _, all_made in groups]


def _api_detail(made: Made) -> dict[str, Any]:
    picture = made.output.picture
    found: dict[str, Any] = {"DurationInMs": made.duration_ms}
    return found | ({"VideoDetails": {"WidthInPx": picture.width, "HeightInPx": picture.height}} if picture is not None else {})


def playlists(group: Group) -> list[str]:
    """Return the names (without the group's base) of the playlists over all outputs of a group."""
    if group.type == "HLS_GROUP":
        return [".m3u8"] if group.settings.get("OutputSelection", "MANIFESTS_AND_SEGMENTS") != "SEGMENTS_ONLY" else []
    if group.type == "CMAF_GROUP":
        chosen = ((".mpd", "WriteDashManifest"), (".m3u8", "WriteHlsManifest"))
        return [suffix for suffix, member in chosen if group.settings.get(member, "ENABLED") == "ENABLED"]
    return []


def _group(group: Group, all_made: Sequence[Made]) -> dict[str, Any]:
    found: dict[str, Any] = {"outputDetails": [_detail(group, made) for made in all_made], "type": group.type}
    paths = [group.place.url(suffix) for suffix in playlists(group)]
    return found | ({"playlistFilePaths": paths} if paths else {})


def _detail(group: Group, made: Made) -> dict[str, Any]:
    found: dict[str, Any] = {"durationInMs": made.duration_ms}
    if group.type != "CMAF_GROUP":
        found["outputFilePaths"] = [group.place.url(made.output.modifier + made.main_suffix)]
    picture = made.output.picture
    if picture is not None:
        found["videoDetails"] = {"widthInPx": picture.width, "heightInPx": picture.height}
        if not picture.captures:
            found["videoDetails"]["averageBitrate"] = made.average_rate
        if picture.quality is not None:
            quality = dict.fromkeys(("qvbrAvgQuality", "qvbrMinQuality", "qvbrMaxQuality"), picture.quality)
            found["videoDetails"] |= quality | {"qvbrMinQualityLocation": 0, "qvbrMaxQualityLocation": 0}
    return found


def _warnings(job: Job) -> list[dict[str, int]]:
    return [{"code": code, "count": count} for code, count in sorted(job.warnings.items())]


def _sound(track: Track) -> dict[str, Any]:
    raw = track.raw
    return {
        "channels": raw.get("channels"), "codec": track.codec.upper(), "language": str(raw.get("language") or "und").upper(),
        "sampleRate": raw.get("sample_rate"), "streamId": track.index + 1,
    }  # fmt: skip


def _picture(track: Track, source: Source) -> dict[str, Any]:
    raw = track.raw
    rate, shape, pixels = raw.get("rate"), raw.get("sar") or (1, 1), str(raw.get("pix_fmt") or "")
    chroma = next((found for found in ("444", "422") if found in pixels), "420")
    return {
        "bitDepth": raw.get("bits", 8), "codec": _VIDEO_CODECS.get(track.codec, track.codec.upper()), "colorFormat": f"YUV_{chroma}",
        "fourCC": raw.get("tag", ""), "frameRate": round(rate[0] / rate[1], 3) if rate else 0, "height": raw.get("height"),
        "interlaceMode": "PROGRESSIVE", "sar": f"{shape[0]}:{shape[1]}", "standard": "UNSPECIFIED", "streamId": track.index + 1, "width": raw.get("width"),
    }  # fmt: skip
