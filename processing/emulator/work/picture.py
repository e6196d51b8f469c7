"""From a VideoDescription and an input to ffmpeg's filters and encoder options. Pure.

Sizes follow the service: both left out keeps the input's, one left out follows its aspect; what does not fit is padded unless ScalingBehavior says else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from .codes import JobError
from .names import pointer
from .source import Source

GOP_SECONDS = 2.0  # where the service chooses by itself
MAX_FPS = 120
_TURNS = {"DEGREES_90": "transpose=clock", "DEGREES_180": "hflip,vflip", "DEGREES_270": "transpose=cclock"}
_PRESETS = {"SINGLE_PASS": "veryfast", "SINGLE_PASS_HQ": "faster", "MULTI_PASS_HQ": "fast"}
_STRENGTH = {"LOW": "0.6", "MEDIUM": "0.8", "HIGH": "1.0", "HIGHER": "1.2", "MAX": "1.4"}


@dataclass(frozen=True, slots=True)
class Picture:
    """A video output: pixels, pictures a second, and ffmpeg's filters and options. `captures`: it is a row of JPEG files, not a film.

    Args:
        ignore_rotation: the input's rotation is not applied.
        quality: QvbrQualityLevel, if that is how it is made.
    """

    width: int
    height: int
    fps: Fraction
    filters: tuple[str, ...]
    options: tuple[str, ...]
    captures: bool = False
    ignore_rotation: bool = False
    quality: int | None = None


def picture(description: Mapping[str, Any], source: Source, *, rotate: str, at: tuple[str | int, ...], segment_s: float = 0.0) -> Picture:
    """Return how an output's picture is made.

    Args:
        rotate: VideoSelector.Rotate.
        at: the description's place in the settings.
        segment_s: seconds after which a key frame must come (0: only at the end of each group of pictures).
    """
    turn, shown = _turned(source, rotate)
    turn = (*_progressive(description), *turn)
    size, scaling = _scaled(description, shown, at)
    codec = description["CodecSettings"]
    if codec["Codec"] == "FRAME_CAPTURE":
        return _captures(codec.get("FrameCaptureSettings", {}), size, (*turn, *scaling), ignore_rotation=rotate != "AUTO")
    settings = codec.get("H264Settings", {})
    fps = _rate(settings, source)
    return Picture(
        *size,
        fps=fps,
        filters=(*turn, f"fps={fps.numerator}/{fps.denominator}", *scaling, "setsar=1", "format=yuv420p"),
        options=(*_h264(settings, fps), *_bits(settings), *_cuts(settings, fps, segment_s)),
        ignore_rotation=rotate != "AUTO",
        quality=_quality(settings),
    )


def _turned(source: Source, rotate: str) -> tuple[tuple[str, ...], tuple[float, float]]:
    """Return filters and the size that is seen after them; the service applies an input's own rotation only for AUTO."""
    sar = Fraction(*(source.picture.raw.get("sar") or (1, 1))) if source.picture is not None else Fraction(1)
    width, height = source.width * float(sar or 1), float(source.height)
    angle = source.rotation if rotate == "AUTO" else {"DEGREES_90": 90, "DEGREES_270": 270}.get(rotate, 0)
    turned = round(angle / 90) % 2 == 1
    return ((_TURNS[rotate],) if rotate in _TURNS else ()), ((height, width) if turned else (width, height))


def _progressive(description: Mapping[str, Any]) -> tuple[str, ...]:
    wanted = description.get("VideoPreprocessors", {}).get("Deinterlacer")
    if wanted is None:
        return ()
    return ("yadif=deint=all" if wanted.get("Control") == "FORCE_ALL_FRAMES" else "yadif=deint=interlaced",)


def _scaled(description: Mapping[str, Any], shown: tuple[float, float], at: tuple[str | int, ...]) -> tuple[tuple[int, int], tuple[str, ...]]:
    """Return the output's size and the filters that make it."""
    width, height = description.get("Width"), description.get("Height")
    for name, value in (("Width", width), ("Height", height)):
        if value and value % 2:
            raise JobError(1040, f"{pointer(*at, name)}: [{value}] Video {name.lower()} must be an even number; only even values are allowed")
    ratio = shown[0] / shown[1]
    if not width or not height:
        size = (width or _even((height or shown[1]) * ratio), height or _even((width or shown[0]) / ratio))
        return size, (f"scale={size[0]}:{size[1]}:flags=bicubic",)
    behaviour = description.get("ScalingBehavior", "DEFAULT")
    if behaviour == "STRETCH_TO_OUTPUT":
        return (width, height), (f"scale={width}:{height}:flags=bicubic",)
    fits = min(width / shown[0], height / shown[1])
    if behaviour == "FILL":
        grown = max(width / shown[0], height / shown[1])
        inner = (max(width, _even(shown[0] * grown)), max(height, _even(shown[1] * grown)))
        return (width, height), (f"scale={inner[0]}:{inner[1]}:flags=bicubic", f"crop={width}:{height}")
    if behaviour == "FIT_NO_UPSCALE":
        fits = min(fits, 1.0)
    inner = (min(width, _even(shown[0] * fits)), min(height, _even(shown[1] * fits)))
    scale = f"scale={inner[0]}:{inner[1]}:flags=bicubic"
    if behaviour in ("FIT", "FIT_NO_UPSCALE"):
        return inner, (scale,)
    if max(abs(width - inner[0]), abs(height - inner[1])) <= 2:  # rounding, not another shape
        return (width, height), (f"scale={width}:{height}:flags=bicubic",)
    return (width, height), (scale, f"pad={width}:{height}:(ow-iw)/2:(oh-ih)/2")


def _even(value: float) -> int:
    return max(2, round(value / 2) * 2)


def _rate(settings: Mapping[str, Any], source: Source) -> Fraction:
    if settings.get("FramerateControl") == "SPECIFIED" and settings.get("FramerateNumerator") and settings.get("FramerateDenominator"):
        return Fraction(settings["FramerateNumerator"], settings["FramerateDenominator"])
    return source.fps if 0 < source.fps <= MAX_FPS else Fraction(30)  # 1,000 is a clock's tick, not a rate


def _h264(settings: Mapping[str, Any], fps: Fraction) -> tuple[str, ...]:
    options = ["-c:v", "libx264", "-preset", _PRESETS[settings.get("QualityTuningLevel", "SINGLE_PASS")]]
    profile = settings.get("CodecProfile", "MAIN").lower()
    options += ["-profile:v", profile]
    level = settings.get("CodecLevel", "AUTO")
    if level != "AUTO":
        options += ["-level:v", level.removeprefix("LEVEL_").replace("_", ".")]
    strength = settings.get("AdaptiveQuantization", "AUTO")
    options += ["-aq-mode", "0"] if strength == "OFF" else ["-aq-strength", _STRENGTH[strength]] if strength in _STRENGTH else []
    between = settings.get("NumberBFramesBetweenReferenceFrames")
    if between is not None and profile != "baseline":
        options += ["-bf", str(between)]
    if settings.get("GopBReference") == "DISABLED":
        options += ["-b-pyramid", "none"]
    if settings.get("EntropyEncoding") == "CAVLC":
        options += ["-coder", "vlc"]
    for name, option in (("NumberReferenceFrames", "-refs"), ("Slices", "-slices")):
        options += [option, str(settings[name])] if settings.get(name) else []
    return tuple(options)


def _quality(settings: Mapping[str, Any]) -> int | None:
    if settings.get("RateControlMode", "CBR") != "QVBR":
        return None
    return int(settings.get("QvbrSettings", {}).get("QvbrQualityLevel", 7))


def _bits(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """Rate control. QVBR is constant quality under a ceiling: level 7 is CRF 23, each level about two of its steps."""
    mode, ceiling, rate = settings.get("RateControlMode", "CBR"), settings.get("MaxBitrate"), settings.get("Bitrate")
    buffer = settings.get("HrdBufferSize")
    quality = _quality(settings)
    if quality is not None:
        if not ceiling or rate:
            raise JobError(1040, "H264Settings: QVBR needs MaxBitrate and no Bitrate")
        crf = 37 - 2 * (quality + float(settings.get("QvbrSettings", {}).get("QvbrQualityLevelFineTune", 0)))
        return ("-crf", f"{crf:g}", "-maxrate", str(ceiling), "-bufsize", str(buffer or 2 * ceiling))
    if not rate:
        raise JobError(1040, f"H264Settings: {mode} needs Bitrate")
    if mode == "CBR":
        return ("-b:v", str(rate), "-minrate", str(rate), "-maxrate", str(rate), "-bufsize", str(buffer or 2 * rate), "-x264-params", "nal-hrd=cbr")
    ceiling = ceiling or 2 * rate
    return ("-b:v", str(rate), "-maxrate", str(ceiling), "-bufsize", str(buffer or 2 * ceiling))


def _cuts(settings: Mapping[str, Any], fps: Fraction, segment_s: float) -> tuple[str, ...]:
    """Key frames: one after each group of pictures, one where a segment must begin."""
    unit, size = settings.get("GopSizeUnits", "AUTO"), settings.get("GopSize")
    frames = round(GOP_SECONDS * fps)
    if size and unit == "SECONDS":
        frames = round(Fraction(str(size)) * fps)
    elif size and unit != "AUTO":
        frames = round(size)
    options = ["-g", str(max(1, frames)), "-keyint_min", str(max(1, frames // 2))]
    options += ["-sc_threshold", "0"] if settings.get("SceneChangeDetect") == "DISABLED" or (size and unit != "AUTO") else []
    return (*options, "-force_key_frames", f"expr:gte(t,n_forced*{segment_s:g})") if segment_s else tuple(options)


def _captures(settings: Mapping[str, Any], size: tuple[int, int], filters: tuple[str, ...], *, ignore_rotation: bool) -> Picture:
    """The first picture, then one after each denominator / numerator seconds."""
    rate = Fraction(settings.get("FramerateNumerator", 1), settings.get("FramerateDenominator", 1))
    step = float(1 / rate)
    scale = 31 - round(29 * (settings.get("Quality", 80) - 1) / 99)  # the encoder's 31 (worst) to 2
    chosen = f"select='gte(t+0.0005,selected_n*{step:g})'"
    return Picture(
        *size,
        fps=rate,
        filters=("setpts=PTS-STARTPTS", chosen, *filters, "setsar=1", "format=yuvj420p"),
        options=("-fps_mode", "passthrough", "-c:v", "mjpeg", "-q:v", str(scale), "-frames:v", str(settings.get("MaxCaptures", 10_000_000))),
        captures=True,
        ignore_rotation=ignore_rotation,
    )
