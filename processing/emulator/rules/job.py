"""Rules of the job, its inputs and its output groups."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from processing.emulator.errors import ApiError, BadRequest

from .audio import check_audio
from .place import Place, wire
from .video import check_video

TOKEN_LENGTH = 64  # [S] characters, ASCII
_ROLE = re.compile(r"^arn:aws(-[a-z]+)*:iam::\d{12}:role/[\w+=,.@/-]+$")
_NOT_EMULATED = ("HopDestinations", "JobTemplate", "ElementalInferenceSettings")  # AWS takes them; here they would be ignored, so they are refused
# [S] user guide, "Supported output formats": what each kind of group can hold.
_CONTAINERS = {
    "HLS_GROUP_SETTINGS": {"M3U8"},
    "CMAF_GROUP_SETTINGS": {"CMFC"},
    "DASH_ISO_GROUP_SETTINGS": {"MPD"},
    "MS_SMOOTH_GROUP_SETTINGS": {"ISMV"},
}
_ONE_TRACK = ("CMAF_GROUP_SETTINGS", "DASH_ISO_GROUP_SETTINGS")  # [S] documentation of these groups
_LISTS = ("AudioDescriptions", "CaptionDescriptions")
_BUCKET = re.compile(r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9](/.*)?$")
# [O] minSegmentLength of HLS; [I] the others, which the service's own samples always have.
_REQUIRED = {
    "HLS_GROUP_SETTINGS": ("Destination", "SegmentLength", "MinSegmentLength"),
    "CMAF_GROUP_SETTINGS": ("Destination", "SegmentLength", "FragmentLength"),
    "DASH_ISO_GROUP_SETTINGS": ("Destination", "SegmentLength", "FragmentLength"),
    "MS_SMOOTH_GROUP_SETTINGS": ("Destination", "FragmentLength"),
    "FILE_GROUP_SETTINGS": ("Destination",),
}


def check_job(request: dict[str, Any]) -> None:
    """Check CreateJob's input (the model's names).

    Raises:
        BadRequest: it breaks rules; all of them are named.
        ApiError: 501, it asks for what AWS has and the emulator does not.
    """
    faults: list[str] = []
    settings = Place(request["Settings"], "", faults)
    _request(request, faults)
    settings.need_items("Inputs")
    settings.need_items("OutputGroups")
    selectors: set[str] = set()
    for place in settings.each("Inputs"):
        _input(place)
        selectors |= {*place.get("AudioSelectors", {}), *place.get("AudioSelectorGroups", {}), *place.get("DynamicAudioSelectors", {})}
    for group in settings.each("OutputGroups"):
        _group(group, selectors)
    _more_than_pictures(settings)
    if faults:
        raise BadRequest(*dict.fromkeys(faults))
    _refuse_what_is_not_emulated(request, settings)


def _request(request: dict[str, Any], faults: list[str]) -> None:
    root = Place(request, "", faults)
    if not _ROLE.match(request["Role"]):
        root.say("Should be the ARN of an IAM role (arn:aws:iam::123456789012:role/name)", "Role")
    token = request.get("ClientRequestToken", "")
    if len(token) > TOKEN_LENGTH or not token.isascii():
        root.say(f"Should have at most {TOKEN_LENGTH} characters, all of ASCII", "ClientRequestToken")


def _input(place: Place) -> None:
    """[S] One source for each input; clips and pictures in even pixels."""
    sources = [name for name in ("FileInput", "VideoGenerator", "TamsSettings") if name in place]
    if not sources:
        place.say("fileInput is a required property")
    if "FileInput" in place and "VideoGenerator" in place:
        place.say("You can specify Video generator, or you can specify an Input file, but you cannot specify both")
    for name in ("Crop", "Position"):
        place.at(name).even("X", "Y", "Width", "Height")
    for clip in place.each("InputClippings"):
        if not clip.value:
            clip.say("Should have at least 1 properties")
    if place.get("TimecodeSource") == "SPECIFIEDSTART":
        place.need("TimecodeStart")


def _group(group: Place, selectors: set[str]) -> None:
    group.need("OutputGroupSettings")
    group.need_items("Outputs")
    found = group.at("OutputGroupSettings")
    if "OutputGroupSettings" in group:
        found.one_of("Type")
    kind = found.get("Type", "")
    for name in found.value:
        if name.endswith("GroupSettings"):
            found.at(name).need(*_REQUIRED.get(kind, ()))
            if not _BUCKET.match(found.at(name).get("Destination", "s3://bucket")):  # [I] S3 has no bucket of such a name
                found.at(name).say("Should be s3://, the name of a bucket, and a path", "Destination")
    outputs = list(group.each("Outputs"))
    _names(group, outputs, kind)
    for output in outputs:
        _output(output, kind, selectors)


def _names(group: Place, outputs: list[Place], kind: str) -> None:
    """[S] "When you create multiple outputs in the same output group, Name modifier is required"; [I] and each is another, or they overwrite each other."""
    if len(outputs) > 1 or kind in _CONTAINERS:
        for output in outputs:
            output.need("NameModifier")
    used = Counter((output.get("NameModifier"), output.get("Extension"), output.at("ContainerSettings").get("Container")) for output in outputs)
    for output in outputs:
        key = (output.get("NameModifier"), output.get("Extension"), output.at("ContainerSettings").get("Container"))
        if used[key] > 1 and key[0] is not None:
            output.say(f"Should be unique within {group.path}/outputs", "NameModifier")


def _output(output: Place, kind: str, selectors: set[str]) -> None:
    """[O] "containerSettings is a required property"; [S] a preset replaces it."""
    if "Preset" not in output:
        output.need("ContainerSettings")
    elif "ContainerSettings" in output:
        output.say("You can specify either Preset or Container settings, but not both")
    container = output.at("ContainerSettings")
    if "ContainerSettings" in output:
        container.need("Container")
    allowed = _CONTAINERS.get(kind)
    if allowed and container.get("Container") not in (None, *allowed):
        container.say(f"Must be {' or '.join(sorted(allowed))} in an output group of type {kind}", "Container")
    if not any(name in output for name in ("VideoDescription", "AudioDescriptions", "CaptionDescriptions", "Preset")):
        output.say("Should have at least one of videoDescription, audioDescriptions, captionDescriptions")
    if kind in _ONE_TRACK and sum((bool(output.get("VideoDescription")), *(len(output.get(name) or ()) for name in _LISTS))) > 1:
        output.say(f"May only contain a single video, audio, or caption output in an output group of type {kind}")
    if "VideoDescription" in output:
        check_video(output)
    for audio in output.each("AudioDescriptions"):
        check_audio(audio, selectors)


def _more_than_pictures(settings: Place) -> None:
    """[S] User guide, frame capture: a job needs an output of another kind besides."""
    codecs = {
        output.at("VideoDescription").at("CodecSettings").get("Codec")
        for group in settings.each("OutputGroups")
        for output in group.each("Outputs")
        if "AudioDescriptions" not in output and "Preset" not in output
    }
    others = any("AudioDescriptions" in output or "Preset" in output for group in settings.each("OutputGroups") for output in group.each("Outputs"))
    if codecs == {"FRAME_CAPTURE"} and not others:
        settings.say("A job with frame capture outputs needs at least one output that is not frame capture", "OutputGroups")


def _refuse_what_is_not_emulated(request: dict[str, Any], settings: Place) -> None:
    asked = [f"/{wire(name)}" for name in _NOT_EMULATED if request.get(name)]
    for group in settings.each("OutputGroups"):
        if "AutomatedEncodingSettings" in group:
            asked.append(f"{group.path}/automatedEncodingSettings")
        asked += [f"{output.path}/preset" for output in group.each("Outputs") if "Preset" in output]
    if asked:
        raise ApiError("NotImplementedException", f"{', '.join(asked)}: not supported by the emulator")
