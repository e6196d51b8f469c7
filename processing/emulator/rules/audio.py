"""Rules of audio outputs: where they come from, and AAC's combinations of profile, channels, sample rate and bitrate."""

from __future__ import annotations

from .place import Place

DEFAULT_SOURCE = "Audio Selector 1"
# [S] The model's documentation of AacSettings.Bitrate, bit/s.
_BITRATES = (
    *(6_000, 8_000, 10_000, 12_000, 14_000, 16_000, 20_000, 24_000, 28_000, 32_000, 40_000, 48_000, 56_000, 64_000, 80_000, 96_000, 112_000),
    *(128_000, 160_000, 192_000, 224_000, 256_000, 288_000, 320_000, 384_000, 448_000, 512_000, 576_000, 640_000, 768_000, 896_000, 1_024_000),
)
# [S] User guide, "AAC output reference tables": least and most at constant bitrate, by channels and sample rate, for profile LC.
_LC = {
    "CODING_MODE_1_0": {
        8_000: (8_000, 14_000),
        12_000: (8_000, 14_000),
        16_000: (8_000, 28_000),
        22_050: (24_000, 28_000),
        24_000: (24_000, 28_000),
        32_000: (32_000, 192_000),
        44_100: (56_000, 256_000),
        48_000: (56_000, 288_000),
        88_200: (288_000, 288_000),
        96_000: (128_000, 288_000),
    },
    "CODING_MODE_2_0": {
        8_000: (16_000, 20_000),
        12_000: (16_000, 20_000),
        16_000: (16_000, 32_000),
        22_050: (32_000, 32_000),
        24_000: (32_000, 32_000),
        32_000: (40_000, 384_000),
        44_100: (64_000, 512_000),
        48_000: (64_000, 576_000),
        88_200: (576_000, 576_000),
        96_000: (256_000, 576_000),
    },
}
_SAMPLE_RATES = (8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000)


def check_audio(audio: Place, selectors: set[str]) -> None:
    """Check one of an output's AudioDescriptions. `selectors` are the names that the inputs define."""
    codec = audio.at("CodecSettings")
    audio.need("CodecSettings")
    if "CodecSettings" in audio:
        codec.one_of("Codec")
    if "AacSettings" in codec:
        _aac(codec.at("AacSettings"))
    source = audio.get("AudioSourceName", DEFAULT_SOURCE)
    if source not in selectors:  # [I] it names what there is not
        audio.say(f"Should be the name of an audio selector of the inputs; there is no {source!r}", "AudioSourceName")
    if "CustomLanguageCode" in audio and "LanguageCode" in audio:  # [S]
        audio.say("Should not be there together with customLanguageCode", "LanguageCode")


def _aac(aac: Place) -> None:
    """[O] sampleRate and codingMode are required; [S] bitrates by the table, and none with VBR."""
    aac.need("SampleRate", "CodingMode")
    rate, mode, profile = aac.get("SampleRate"), aac.get("CodingMode"), aac.get("CodecProfile", "LC")
    if rate is not None and rate not in _SAMPLE_RATES:
        aac.say(f"Should be one of {', '.join(map(str, _SAMPLE_RATES))}", "SampleRate")
    if profile == "HEV2" and mode not in (None, "CODING_MODE_2_0"):
        aac.say("Must be CODING_MODE_2_0 for profile HEV2", "CodingMode")
    if aac.get("RateControlMode", "CBR") == "VBR":
        if "Bitrate" in aac:
            aac.say("Should not be there when rateControlMode is VBR", "Bitrate")
        return
    if "VbrQuality" in aac:
        aac.say("Should not be there unless rateControlMode is VBR", "VbrQuality")
    if "Bitrate" in aac:
        _bitrate(aac, profile, mode, rate)


def _bitrate(aac: Place, profile: str, mode: str | None, rate: int | None) -> None:
    bitrate = aac.get("Bitrate")
    if bitrate not in _BITRATES:
        aac.say(f"Should be one of {', '.join(map(str, _BITRATES))}", "Bitrate")
        return
    least, most = _LC.get(mode or "", {}).get(rate or 0, (0, bitrate)) if profile == "LC" else (0, bitrate)
    if not least <= bitrate <= most:
        aac.say(  # [O] the service's own words
            f"You specified a value for Bitrate that is not valid with the combination of Profile {profile}, Coding mode {mode}, and Sample rate {rate} you "
            f"selected. Specify a bitrate in the range of {least}-{most}, and resubmit your job For a list of supported bitrates, see: "
            "https://docs.aws.amazon.com/mediaconvert/latest/ug/aac-support.html",
            "Bitrate",
        )
