"""The playlists and manifests over finished outputs, as the service writes them. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

from .made import Made, target_seconds
from .plan import Group, Kind


def media_playlist(made: Made, group: Group) -> str:
    """Return the playlist of one output (RFC 8216)."""
    whole = group.settings.get("ManifestDurationFormat") == "INTEGER"
    version = 7 if made.output.kind is Kind.CMAF else 3
    legacy = group.settings.get("TargetDurationCompatibilityMode", "LEGACY") == "LEGACY"
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", f"#EXT-X-TARGETDURATION:{target_seconds(made, legacy=legacy)}", "#EXT-X-MEDIA-SEQUENCE:1"]
    lines.append("#EXT-X-PLAYLIST-TYPE:VOD")
    if made.output.kind is Kind.CMAF:
        lines += ["#EXT-X-INDEPENDENT-SEGMENTS", f'#EXT-X-MAP:URI="{made.output.name}{made.pieces[0].suffix}"']
    for piece in made.segments:
        lines += [f"#EXTINF:{round(piece.seconds)}," if whole else f"#EXTINF:{piece.seconds:.6f},", made.output.name + piece.suffix]
    return "\n".join([*lines, "#EXT-X-ENDLIST", ""])


def master_playlist(group: Group, all_made: Sequence[Made]) -> str:
    """Return the multivariant playlist: sound that is no variant of its own as renditions, then a variant for each other output in order."""
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{7 if group.type == 'CMAF_GROUP' else 3}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    sounds = [made for made in all_made if _is_rendition(made, all_made)]
    lines += [_rendition(made) for made in sounds]
    for made in all_made:
        if made not in sounds:
            lines += [_variant(made, group, sounds), f"{made.output.name}.m3u8"]
    return "\n".join([*lines, ""])


def _is_rendition(made: Made, all_made: Sequence[Made]) -> bool:
    if made.output.picture is not None or all(one.output.picture is None for one in all_made):
        return False
    default = "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT" if made.output.kind is Kind.CMAF else ""
    return str((made.output.hls or {}).get("AudioTrackType", default)).startswith("ALTERNATE")


def _group_id(made: Made) -> str:
    return str((made.output.hls or {}).get("AudioGroupId", "program_audio"))


def _rendition(made: Made) -> str:
    track = (made.output.hls or {}).get("AudioTrackType", "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT")
    sound = made.output.sound
    name = (sound.name if sound else "") or "Alternate Audio"
    language = f'LANGUAGE="{sound.language.lower()}",' if sound and sound.language else ""
    default, chosen = ("YES" if track.endswith("DEFAULT") else "NO"), ("NO" if track.endswith("NOT_AUTO_SELECT") else "YES")
    return f'#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="{_group_id(made)}",{language}NAME="{name}",AUTOSELECT={chosen},DEFAULT={default},URI="{made.output.name}.m3u8"'


def _variant(made: Made, group: Group, sounds: Sequence[Made]) -> str:
    wanted = str((made.output.hls or {}).get("AudioRenditionSets", "program_audio")).split(",")
    beside = [sound for sound in sounds if _group_id(sound) in wanted] if made.output.picture is not None else []
    codecs = ",".join(dict.fromkeys(codec for one in (made, *beside) for codec in one.codecs.split(",")))
    peak, average = made.peak_rate + max((one.peak_rate for one in beside), default=0), made.average_rate + max((one.average_rate for one in beside), default=0)
    parts = [f"BANDWIDTH={peak}", f"AVERAGE-BANDWIDTH={average}", f'CODECS="{codecs}"']
    picture = made.output.picture
    if picture is not None:
        parts += [f"RESOLUTION={picture.width}x{picture.height}"] if group.settings.get("StreamInfResolution", "INCLUDE") == "INCLUDE" else []
        parts.append(f"FRAME-RATE={float(picture.fps):.3f}")
    parts += [f'AUDIO="{_group_id(beside[0])}"'] if beside else []
    return f"#EXT-X-STREAM-INF:{','.join(parts)}"


def dash_manifest(group: Group, all_made: Sequence[Made]) -> str:
    """Return the MPD (ISO/IEC 23009-1) over a CMAF group: one adaptation set for pictures, one for each sound; times in microseconds."""
    duration = max(made.duration_s for made in all_made)
    pictures, sounds = [made for made in all_made if made.output.picture], [made for made in all_made if not made.output.picture]
    sets = ([("video", pictures)] if pictures else []) + [("audio", [sound]) for sound in sounds]
    body = "\n".join(_adaptation(number, kind, of) for number, (kind, of) in enumerate(sets, 1))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011" type="static" '
        f'minBufferTime="PT{group.settings.get("MinBufferTime", 30_000) / 1000:g}S" mediaPresentationDuration="PT{duration:.3f}S">\n'
        f'<Period id="1" start="PT0S" duration="PT{duration:.3f}S">\n{body}\n</Period>\n</MPD>\n'
    )


def _adaptation(number: int, kind: str, of: Sequence[Made]) -> str:
    inner = "\n".join(_representation(f"{number}_{index}", made) for index, made in enumerate(of, 1))
    sound = of[0].output.sound
    language = f' lang="{sound.language.lower()[:3]}"' if sound and sound.language else ""
    return f'<AdaptationSet id="{number}" mimeType="{kind}/mp4" segmentAlignment="true" startWithSAP="1"{language}>\n{inner}\n</AdaptationSet>'


def _representation(name: str, made: Made) -> str:
    times = "".join(f'<S d="{round(piece.seconds * 1_000_000)}"/>' for piece in made.segments)
    picture, base = made.output.picture, made.output.name.replace("$", "$$")
    suffix = made.segments[0].suffix.rpartition(".")[2]
    size = f' width="{picture.width}" height="{picture.height}" frameRate="{picture.fps}"' if picture else ""
    rate = f' audioSamplingRate="{made.output.sound.sample_rate}"' if made.output.sound else ""
    return (
        f'<Representation id="{escape(name)}" bandwidth="{made.peak_rate}" codecs="{made.codecs}"{size}{rate}>'
        f'<SegmentTemplate timescale="1000000" startNumber="1" initialization={quoteattr(base + made.pieces[0].suffix)} '
        f"media={quoteattr(f'{base}_$Number%09d$.{suffix}')}><SegmentTimeline>{times}</SegmentTimeline></SegmentTemplate></Representation>"
    )
