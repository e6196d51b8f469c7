"""From a validated job and its input to the outputs there will be, with their exact names. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from .codes import JobError
from .names import Place, place, pointer
from .picture import Picture, picture
from .source import Source

SEGMENT_SECONDS = 10  # the service's own, where a job does not say
_GROUPS = {"HLS_GROUP_SETTINGS": "HlsGroupSettings", "CMAF_GROUP_SETTINGS": "CmafGroupSettings", "FILE_GROUP_SETTINGS": "FileGroupSettings"}
_CHANNELS = {"CODING_MODE_1_0": 1, "CODING_MODE_2_0": 2, "CODING_MODE_5_1": 6}
_CONTAINERS = {"HLS_GROUP_SETTINGS": ("M3U8",), "CMAF_GROUP_SETTINGS": ("CMFC",), "FILE_GROUP_SETTINGS": ("MP4", "RAW")}


class Kind(Enum):
    """How an output is written."""

    TS = "segments of MPEG-TS"
    AAC = "segments of raw AAC"
    CMAF = "segments of fragmented MP4"
    MP4 = "one MP4"
    FRAMES = "numbered JPEG files"


@dataclass(frozen=True, slots=True)
class Sound:
    """An audio output: which of the input's audio tracks (from 0), bits per second, channels, samples per second."""

    track: int
    bitrate: int = 96_000
    channels: int = 2
    sample_rate: int = 48_000
    language: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Output:
    """One output. `name`: of its files, without suffix and folder. `segment_s`: 0 for one file. `sound_header`: packed audio tells its time."""

    kind: Kind
    name: str
    picture: Picture | None = None
    sound: Sound | None = None
    segment_s: int = 0
    modifier: str = ""
    extension: str = ""
    moov_first: bool = True
    pids: tuple[int, ...] = ()
    hls: Mapping[str, Any] | None = None
    sound_header: bool = True

    @property
    def weight(self) -> float:
        """Its share of the work, relative to other outputs: pixels, about."""
        return 1.0 if self.picture is None else float(self.picture.width * self.picture.height) * (0.3 if self.picture.captures else 1.0)


@dataclass(frozen=True, slots=True)
class Group:
    """An output group: `type` as events write it (HLS_GROUP, CMAF_GROUP, FILE_GROUP), its own settings, its outputs in order."""

    type: str
    place: Place
    settings: Mapping[str, Any]
    outputs: tuple[Output, ...]


def wants(settings: Mapping[str, Any]) -> tuple[bool, bool]:
    """Return whether any output has a picture, and whether any has sound."""
    outputs = [output for group in settings.get("OutputGroups", ()) for output in group.get("Outputs", ())]
    return any(output.get("VideoDescription") for output in outputs), any(output.get("AudioDescriptions") for output in outputs)


def plan(settings: Mapping[str, Any], source: Source) -> tuple[Group, ...]:
    """Return a job's output groups.

    Args:
        settings: as validated; all of it is supported (`supported.check`).
        source: the input; its codecs are checked (`source.check_codecs`).

    Raises:
        JobError: 1040, the settings do not go together. 1021, an output is sound alone and there is none.
    """
    groups = tuple(_group(settings, index, source) for index in range(len(settings.get("OutputGroups", ()))))
    _no_duplicates(groups, source.url)
    return groups


def _group(settings: Mapping[str, Any], index: int, source: Source) -> Group:
    whole = settings["OutputGroups"][index]
    kind = whole["OutputGroupSettings"]["Type"]
    own = whole["OutputGroupSettings"].get(_GROUPS[kind], {})
    at: tuple[str | int, ...] = ("OutputGroups", index)
    where = place(own.get("Destination", ""), source.url, path=pointer(*at, "OutputGroupSettings", _GROUPS[kind], "Destination"))
    _check_group(kind, own, at)
    outputs = tuple(_output(settings, kind, own, output, where, source, (*at, "Outputs", number)) for number, output in enumerate(whole.get("Outputs", ())))
    return Group(kind.removesuffix("_SETTINGS"), where, own, outputs)


def _check_group(kind: str, own: Mapping[str, Any], at: tuple[str | int, ...]) -> None:
    fragment, segment = own.get("FragmentLength"), own.get("SegmentLength", SEGMENT_SECONDS)
    if kind == "CMAF_GROUP_SETTINGS" and fragment and fragment != segment:
        raise JobError(
            1040, f"{pointer(*at, 'OutputGroupSettings', _GROUPS[kind], 'FragmentLength')}: other than SegmentLength is not supported by the emulator"
        )


def _output(
    settings: Mapping[str, Any], group: str, own: Mapping[str, Any], output: Mapping[str, Any], where: Place, source: Source, at: tuple[str | int, ...]
) -> Output:  # fmt: skip
    kind = _kind(group, output, at)
    segment = int(own.get("SegmentLength", SEGMENT_SECONDS)) if kind in (Kind.TS, Kind.AAC, Kind.CMAF) else 0
    rotate = settings["Inputs"][0].get("VideoSelector", {}).get("Rotate", "DEGREE_0")
    exact = own.get("SegmentLengthControl", "EXACT") == "EXACT"
    image = None
    if description := output.get("VideoDescription"):
        image = picture(description, source, rotate=rotate, at=(*at, "VideoDescription"), segment_s=segment if exact else 0)
    modifier = output.get("NameModifier", "")
    m3u8, mp4 = output.get("ContainerSettings", {}).get("M3u8Settings", {}), output.get("ContainerSettings", {}).get("Mp4Settings", {})
    return Output(
        kind=kind,
        name=where.base + modifier,
        picture=image,
        sound=_sound(settings["Inputs"][0], output, source, at),
        segment_s=segment,
        modifier=modifier,
        extension=output.get("Extension", ""),
        moov_first=mp4.get("MoovPlacement", "PROGRESSIVE_DOWNLOAD") == "PROGRESSIVE_DOWNLOAD",
        pids=(m3u8.get("VideoPid", 481), *(m3u8.get("AudioPids") or (482,))[:1]),
        hls=output.get("OutputSettings", {}).get("HlsSettings", {}),
        sound_header=own.get("AudioOnlyHeader", "INCLUDE") == "INCLUDE",
    )


def _kind(group: str, output: Mapping[str, Any], at: tuple[str | int, ...]) -> Kind:
    container = output.get("ContainerSettings", {}).get("Container", "")
    captures = output.get("VideoDescription", {}).get("CodecSettings", {}).get("Codec") == "FRAME_CAPTURE"
    sound_only = not output.get("VideoDescription")
    if container not in _CONTAINERS[group] or captures != (container == "RAW"):
        raise JobError(1040, f"{pointer(*at, 'ContainerSettings', 'Container')}: {container or 'none'} does not go with this output group and codec")
    if container == "CMFC":
        if not sound_only and output.get("AudioDescriptions"):
            raise JobError(1040, f"{pointer(*at)}: an output of a CMAF group holds either video or audio")
        return Kind.CMAF
    if container == "M3U8":
        raw = output.get("OutputSettings", {}).get("HlsSettings", {}).get("AudioOnlyContainer", "AUTOMATIC") == "AUTOMATIC"
        return Kind.AAC if sound_only and raw else Kind.TS
    return Kind.FRAMES if captures else Kind.MP4


def _sound(input_: Mapping[str, Any], output: Mapping[str, Any], source: Source, at: tuple[str | int, ...]) -> Sound | None:
    """Return an output's sound: none if the input has none (the service leaves it out then), unless there is nothing else."""
    descriptions = output.get("AudioDescriptions") or []
    if len(descriptions) > 1:
        raise JobError(1040, f"{pointer(*at, 'AudioDescriptions', 1)} is not supported by the emulator: one sound track in each output")
    if not descriptions:
        return None
    description = descriptions[0]
    track = _track(input_, description)
    if track >= len(source.sounds):
        if not output.get("VideoDescription"):
            raise JobError(1021, f"No audio frames decoded on [selector-({description.get('AudioSourceName', 'Audio Selector 1')})-track-{track + 1}]")
        return None
    aac = description["CodecSettings"].get("AacSettings", {})
    return Sound(
        track=track,
        bitrate=aac.get("Bitrate", 96_000),
        channels=_CHANNELS[aac.get("CodingMode", "CODING_MODE_2_0")],
        sample_rate=aac.get("SampleRate", 48_000),
        language=description.get("LanguageCode", ""),
        name=description.get("StreamName", ""),
    )


def _track(input_: Mapping[str, Any], description: Mapping[str, Any]) -> int:
    selectors = input_.get("AudioSelectors") or {}
    chosen = selectors.get(description.get("AudioSourceName") or next(iter(selectors), ""))
    if chosen is None:
        raise JobError(1040, "Invalid selector_sequence_id [0] for audio_description [1].")
    return int((chosen.get("Tracks") or [1])[0]) - 1


def _no_duplicates(groups: tuple[Group, ...], input_url: str) -> None:
    seen = {input_url}
    for url in main_files(groups):
        if url in seen:
            raise JobError(1040, f"Duplicate input and output path [{url}]" if url == input_url else f"Duplicate output path [{url}]")
        seen.add(url)


def main_files(groups: tuple[Group, ...]) -> Iterator[str]:
    """Yield the URL of each output's main file: its playlist, its film, its first picture."""
    for group in groups:
        for output in group.outputs:
            yield group.place.url(output.modifier + main_suffix(output))


def main_suffix(output: Output) -> str:
    if output.kind in (Kind.TS, Kind.AAC, Kind.CMAF):
        return ".m3u8"
    return f".{output.extension or 'mp4'}" if output.kind is Kind.MP4 else f".0000000.{output.extension or 'jpg'}"
