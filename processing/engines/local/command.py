"""ffmpeg's arguments for one rung. Pure, so that every decision about picture and sound is a test."""

from __future__ import annotations

from pathlib import Path

from processing.ladder import Rung

SEGMENT_SECONDS = 6
LEAST_HELD_SECONDS, MOST_HELD_SECONDS = 0.5, 600.0  # for which the last picture is shown while sound goes on
GOP_SECONDS = 2  # divides the segment, so that all rungs are cut at the same moments
PLAYLIST = "index.m3u8"

# Containers people have. A text file must not become a playlist, a concat script or a bar code.
FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,mpegvideo,m4v,h264,hevc,flv,live_flv,asf,ogg,mxf,gxf,nut,"
    "dv,rm,wtv,wav,w64,aiff,caf,mp3,aac,ac3,eac3,dts,flac,opus,amr,amrnb,amrwb,au,ape,wv,tta,ivf,yuv4mpegpipe"
)


def input_arguments(source: str, *, threads: int, strict: bool) -> list[str]:
    """Read only this local file, only as media; on the strict pass the first damage ends it."""
    strictness = ["-xerror", "-err_detect", "explode"] if strict else ["-err_detect", "ignore_err"]
    return [*strictness, "-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-threads", str(threads), "-i", f"file:{source}"]


def rung_command(ffmpeg: str, *, source: str, rung: Rung, folder: Path, threads: int, strict: bool, sound: bool, hold_s: float = 0.0) -> list[str]:
    """Return the command that makes one rung as HLS in `folder` (6 s segments of MPEG-TS, cut at the same moments for every rung).

    Args:
        sound: the source has a sound track that can be read.
        hold_s: seconds for which sound goes on after the last picture, where that was measured.
    """
    return [
        ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-y", "-v", "level+error", "-progress", "pipe:1", "-stats_period", "1",
        "-filter_threads", str(threads),
        *input_arguments(source, threads=threads, strict=strict),
        *(_sound_only() if rung.is_audio else _picture(rung, threads=threads, sound=sound, hold_s=hold_s)),
        "-c:a", "aac", "-b:a", str(rung.audio_bps), "-ac", "2", "-ar", "48000",
        "-map_metadata", "-1", "-map_chapters", "-1",  # places and names of people do not belong in what is published
        "-max_muxing_queue_size", "4096",
        "-f", "hls", "-hls_time", str(SEGMENT_SECONDS), "-hls_playlist_type", "vod", "-hls_list_size", "0",
        "-hls_segment_type", "mpegts", "-hls_flags", "independent_segments+temp_file",
        "-hls_segment_filename", str(folder / "%05d.ts"), str(folder / PLAYLIST),
    ]  # fmt: skip


def _sound_only() -> list[str]:
    return ["-map", "0:a:0", "-vn", "-sn", "-dn"]


def _picture(rung: Rung, *, threads: int, sound: bool, hold_s: float) -> list[str]:
    filters = [f"fps={rung.fps_cap:g}"] if rung.fps_cap else []
    if rung.fps_cap and LEAST_HELD_SECONDS < hold_s < MOST_HELD_SECONDS:
        filters.append(f"tpad=stop_mode=clone:stop_duration={hold_s:.3f}")
    filters += [f"scale={rung.width}:{rung.height}:flags=bicubic", "format=yuv420p"]  # 8 bit 4:2:0 is what every player takes
    return [
        "-map", "0:V:0", *(["-map", "0:a:0"] if sound else ["-an"]), "-sn", "-dn",  # V: a cover picture is not a video
        "-vf", ",".join(filters), "-fps_mode", "vfr",
        "-c:v", "libx264", "-preset", "veryfast", "-profile:v", "high", "-crf", "23", "-threads", str(threads),
        "-maxrate", str(rung.video_bps), "-bufsize", str(2 * rung.video_bps),
        "-force_key_frames", f"expr:gte(t,n_forced*{GOP_SECONDS})", "-sc_threshold", "0",
    ]  # fmt: skip


def poster_command(ffmpeg: str, *, source: str, target: Path, at_s: float) -> list[str]:
    """Return the command that grabs one keyframe near a moment (seconds), at most 1280 pixels on a side."""
    return [
        ffmpeg, "-nostdin", "-hide_banner", "-nostats", "-y", "-v", "level+error", "-progress", "pipe:1",
        "-skip_frame", "nokey", "-ss", f"{at_s:.3f}",
        *input_arguments(source, threads=1, strict=False),
        "-map", "0:V:0", "-frames:v", "1", "-map_metadata", "-1",
        "-vf", "scale=w='min(1280,iw)':h='min(1280,ih)':force_original_aspect_ratio=decrease:force_divisible_by=2,format=yuvj420p",
        "-q:v", "4", "-f", "image2", "-update", "1", str(target),
    ]  # fmt: skip
