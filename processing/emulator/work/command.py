"""ffmpeg's arguments for one output. Local names are plain; the real ones are given when the files are put into S3. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .plan import Kind, Output, Sound
from .probe_child import FORMATS

LIST = "list.m3u8"
INIT = "init.mp4"
FILM = "film.mp4"
THREADS = 2


@dataclass(frozen=True, slots=True)
class Feed:
    """Where an output's picture and sound come from: ffmpeg's input arguments, and the streams' names among them."""

    arguments: tuple[str, ...]
    picture: str
    sound: str


def from_file(path: Path, output: Output) -> Feed:
    """Read an input that lies on our disk, only as media; the first damage ends it."""
    strict = ("-xerror", "-err_detect", "explode", "-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-threads", str(THREADS))
    turned = ("-display_rotation:v:0", "0") if output.picture is not None and output.picture.ignore_rotation else ()
    track = output.sound.track if output.sound is not None else 0
    return Feed((*strict, *turned, "-i", f"file:{path}"), "0:V:0", f"0:a:{track}")


def from_nothing(output: Output, *, width: int, height: int, seconds: float) -> Feed:
    """Make up a picture without content and silence, as long as the input: what `fast` encodes."""
    picture = f"color=c=gray:size={width}x{height}:rate={output.picture.fps if output.picture and not output.picture.captures else 5}"
    sound = "anullsrc=channel_layout=stereo:sample_rate=48000"
    length = ("-t", f"{seconds:.3f}")
    return Feed((*length, "-f", "lavfi", "-i", picture, *length, "-f", "lavfi", "-i", sound), "0:v:0", "1:a:0")


def command(ffmpeg: str, feed: Feed, output: Output, folder: Path, *, seconds: float | None = None, quick: bool = False) -> list[str]:
    """Return the command that writes one output into a folder.

    Args:
        seconds: stop after as many (an output that is too short on purpose).
        quick: spend as little as possible on the picture.
    """
    return [
        ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-y", "-v", "level+error", "-progress", "pipe:1", "-stats_period", "0.5",
        "-filter_threads", str(THREADS), *feed.arguments,
        *_picture(output, feed, quick=quick), *_sound(output.sound, feed),
        "-sn", "-dn", "-map_metadata", "-1", "-map_chapters", "-1", "-max_muxing_queue_size", "4096",
        *(("-t", f"{seconds:.3f}") if seconds is not None else ()),
        *_written(output, folder),
    ]  # fmt: skip


def _picture(output: Output, feed: Feed, *, quick: bool) -> list[str]:
    if output.picture is None:
        return ["-vn"]
    options = list(output.picture.options)
    if quick and "-preset" in options:
        options[options.index("-preset") + 1] = "ultrafast"
    threads = [] if output.picture.captures else ["-threads", str(THREADS)]
    return ["-map", feed.picture, "-vf", ",".join(output.picture.filters), *options, *threads]


def _sound(sound: Sound | None, feed: Feed) -> list[str]:
    if sound is None:
        return ["-an"]
    return ["-map", feed.sound, "-c:a", "aac", "-b:a", str(sound.bitrate), "-ac", str(sound.channels), "-ar", str(sound.sample_rate)]


def _written(output: Output, folder: Path) -> list[str]:
    seconds = str(output.segment_s)
    if output.kind is Kind.FRAMES:
        return ["-f", "image2", "-start_number", "0", str(folder / "%07d.jpg")]
    if output.kind is Kind.MP4:
        return [*(["-movflags", "+faststart"] if output.moov_first else []), "-f", "mp4", str(folder / FILM)]
    if output.kind is Kind.AAC:
        listed = ["-segment_list", str(folder / LIST), "-segment_list_type", "m3u8", "-segment_start_number", "1"]
        return ["-f", "segment", "-segment_time", seconds, *listed, "-segment_format", "adts", str(folder / "%09d.aac")]
    shape = ["-f", "hls", "-hls_time", seconds, "-hls_playlist_type", "vod", "-hls_list_size", "0", "-start_number", "1"]
    if output.kind is Kind.CMAF:
        return [*shape, "-hls_segment_type", "fmp4", "-hls_fmp4_init_filename", INIT, "-hls_segment_filename", str(folder / "%09d.m4s"), str(folder / LIST)]
    streams = [pid for pid, there in zip(output.pids, (output.picture is not None, output.sound is not None), strict=False) if there]
    pids = [part for number, pid in enumerate(streams) for part in ("-streamid", f"{number}:{pid}")]
    return [*pids, *shape, "-hls_segment_type", "mpegts", "-hls_segment_filename", str(folder / "%09d.ts"), str(folder / LIST)]
