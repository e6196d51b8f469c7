"""What is told of finished outputs: playlists, manifests, events, GetJob's details, files to put."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import replace

import pytest

from processing.emulator.state import Phase
from processing.emulator.work import envelopes
from processing.emulator.work.codes import TYPICAL, JobError, decode_failure, read_failure, write_failure
from processing.emulator.work.made import Made, Piece, suffixes
from processing.emulator.work.manifests import dash_manifest, master_playlist, media_playlist
from processing.emulator.work.plan import Group, Kind, plan
from processing.emulator.work.writing import files_of

from .jobs import INPUT, captures, group, h264, job, output, settings, sound, source

ALTERNATE = {"OutputSettings": {"HlsSettings": {"AudioTrackType": "ALTERNATE_AUDIO_AUTO_SELECT_DEFAULT"}}}


def finished() -> list[tuple[Group, list[Made]]]:
    wanted = settings(
        group(
            "Hls", "s3://out/h/index", output("M3U8", "_90", VideoDescription=h264(Height=90), AudioDescriptions=sound()),
            output("M3U8", "_a", AudioDescriptions=sound(), **ALTERNATE),
        ),
        group("Cmaf", "s3://out/c/index", output("CMFC", "_v", VideoDescription=h264()), output("CMFC", "_a", AudioDescriptions=sound())),
        group("File", "s3://out/f/", output("MP4", "_x", VideoDescription=h264()), output("RAW", "_p", VideoDescription=captures())),
    )  # fmt: skip
    return [(one, [_made(one, number) for number in range(len(one.outputs))]) for one in plan(wanted, source())]


def _made(of: Group, number: int) -> Made:
    out = of.outputs[number]
    count = {Kind.MP4: 1, Kind.CMAF: 3}.get(out.kind, 2)
    seconds = [0.0] * (count - 2) + [2.0, 1.25] if out.segment_s else [0.0] * count
    pieces = tuple(Piece(suffix, None, 1000, length, b"x" * 1000) for suffix, length in zip(suffixes(out, count), seconds, strict=True))
    codecs = ",".join((["avc1.4d400c"] if out.picture else []) + (["mp4a.40.2"] if out.sound else []))
    return Made(out, pieces, 3.25, codecs)


def _lines(text: str, begin: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(begin)]


def test_a_media_playlist_lists_each_segment_with_its_length() -> None:
    (hls, all_made), *_ = finished()
    text = media_playlist(all_made[0], hls)
    assert text.splitlines()[-5:] == ["#EXTINF:2.000000,", "index_90_00001.ts", "#EXTINF:1.250000,", "index_90_00002.ts", "#EXT-X-ENDLIST"]
    assert "#EXT-X-TARGETDURATION:2" in text.splitlines()
    whole = media_playlist(all_made[0], replace(hls, settings={"ManifestDurationFormat": "INTEGER"}))
    assert _lines(whole, "#EXTINF") == ["#EXTINF:2,", "#EXTINF:1,"]


@pytest.mark.parametrize(("mode", "seconds"), [("LEGACY", 3), ("SPEC_COMPLIANT", 2)])
def test_the_target_duration_is_rounded_as_asked(mode: str, seconds: int) -> None:
    (hls, all_made), *_ = finished()
    pieces = (replace(all_made[0].pieces[0], seconds=2.3),)
    text = media_playlist(replace(all_made[0], pieces=pieces), replace(hls, settings={"TargetDurationCompatibilityMode": mode}))
    assert f"#EXT-X-TARGETDURATION:{seconds}" in text.splitlines()


def test_the_master_playlist_offers_variants_and_sound_beside_them() -> None:
    (hls, all_made), *_ = finished()
    text = master_playlist(hls, all_made)
    (media,) = _lines(text, "#EXT-X-MEDIA:")
    assert 'URI="index_a.m3u8"' in media
    assert "DEFAULT=YES" in media
    (variant,) = _lines(text, "#EXT-X-STREAM-INF:")
    assert 'CODECS="avc1.4d400c,mp4a.40.2",RESOLUTION=160x90,FRAME-RATE=30.000,AUDIO="program_audio"' in variant
    assert text.splitlines()[-1] == "index_90.m3u8"
    # Peak: the shortest segment's rate; twice, for picture and sound.
    assert f"BANDWIDTH={2 * int(8000 / 1.25)}" in variant


def test_sound_alone_is_a_variant() -> None:
    (hls, all_made), *_ = finished()
    text = master_playlist(hls, [all_made[1]])
    assert text.splitlines()[-1] == "index_a.m3u8"
    assert 'CODECS="mp4a.40.2"' in text


def test_a_dash_manifest_names_the_files_there_are() -> None:
    cmaf, all_made = finished()[1]
    root = ElementTree.fromstring(dash_manifest(cmaf, all_made))
    space = {"m": "urn:mpeg:dash:schema:mpd:2011"}
    templates = root.findall(".//m:SegmentTemplate", space)
    assert [one.get("initialization") for one in templates] == ["index_vinit.cmfv", "index_ainit.cmfa"]
    assert [one.get("media") for one in templates] == ["index_v_$Number%09d$.cmfv", "index_a_$Number%09d$.cmfa"]
    assert [one.get("d") for one in templates[0].findall(".//m:S", space)] == ["2000000", "1250000"]


def test_the_complete_event_tells_where_everything_is_and_getjob_does_not() -> None:
    done = finished()
    event = envelopes.complete(job(settings()), 1000.5, done)
    hls, cmaf, file = event["detail"]["outputGroupDetails"]
    assert (hls["type"], hls["playlistFilePaths"]) == ("HLS_GROUP", ["s3://out/h/index.m3u8"])
    assert [one["outputFilePaths"] for one in hls["outputDetails"]] == [["s3://out/h/index_90.m3u8"], ["s3://out/h/index_a.m3u8"]]
    assert cmaf["playlistFilePaths"] == ["s3://out/c/index.mpd", "s3://out/c/index.m3u8"]
    assert "outputFilePaths" not in cmaf["outputDetails"][0]
    assert [one["outputFilePaths"] for one in file["outputDetails"]] == [["s3://out/f/film_x.mp4"], ["s3://out/f/film_p.0000001.jpg"]]
    assert "playlistFilePaths" not in file
    first = hls["outputDetails"][0]
    assert (first["durationInMs"], first["videoDetails"]["widthInPx"], first["videoDetails"]["qvbrAvgQuality"]) == (3250, 160, 7)
    assert event["detail"]["timestamp"] == 1_000_500
    assert event["time"] == "1970-01-01T00:16:40Z"
    details = envelopes.details_of(done)
    assert details[0]["OutputDetails"] == [{"DurationInMs": 3250, "VideoDetails": {"WidthInPx": 160, "HeightInPx": 90}}, {"DurationInMs": 3250}]
    assert "s3://" not in str(details)


def test_every_event_says_whose_it_is() -> None:
    one = job(settings(), UserMetadata={"attempt_id": "a7"})
    one.warnings = {270000: 2}
    events = {
        "ERROR": envelopes.error(one, 5.0, 1010, "words"),
        "NEW_WARNING": envelopes.new_warning(one, 5.0, 270000, "slow"),
        "STATUS_UPDATE": envelopes.status_update(one, 5.0, Phase.TRANSCODING, 40, {Phase.PROBING: 100, Phase.TRANSCODING: 41}, frames=9),
        "INPUT_INFORMATION": envelopes.input_information(one, 5.0, source()),
    }
    for status, event in events.items():
        detail = event["detail"]
        assert (event["source"], event["detail-type"], event["resources"]) == ("aws.mediaconvert", "MediaConvert Job State Change", [one.arn])
        assert (detail["status"], detail["jobId"], detail["userMetadata"], detail["timestamp"]) == (status, one.id, {"attempt_id": "a7"}, 5000)
    assert events["ERROR"]["detail"]["errorCode"] == 1010
    assert events["ERROR"]["detail"]["warnings"] == [{"code": 270000, "count": 2}]
    assert events["NEW_WARNING"]["detail"]["warningCode"] == "270000"
    progress = events["STATUS_UPDATE"]["detail"]["jobProgress"]
    assert progress["phaseProgress"]["TRANSCODING"] == {"status": "PROGRESSING", "percentComplete": 41}
    assert (progress["phaseProgress"]["PROBING"]["status"], progress["phaseProgress"]["UPLOADING"]["status"]) == ("COMPLETE", "PENDING")
    assert (progress["jobPercentComplete"], progress["currentPhase"]) == (40, "TRANSCODING")
    assert events["INPUT_INFORMATION"]["detail"]["inputDetails"][0]["uri"] == INPUT
    assert len({event["id"] for event in events.values()}) == len(events)


def _keys(files: Sequence[object]) -> list[str]:
    return [file.key for file in files]  # type: ignore[attr-defined]


def test_playlists_are_put_last_and_those_over_all_outputs_last_of_all() -> None:
    media, lists = files_of(finished())
    assert not any(key.endswith((".m3u8", ".mpd")) for key in _keys(media))
    assert _keys(lists)[-3:] == ["h/index.m3u8", "c/index.mpd", "c/index.m3u8"]
    kinds = {file.key.rpartition(".")[2]: file.content_type for file in media + lists}
    assert kinds == {
        "m3u8": "application/vnd.apple.mpegurl", "mpd": "application/dash+xml", "ts": "video/mp2t", "aac": "audio/aac", "cmfv": "video/mp4",
        "cmfa": "audio/mp4", "mp4": "video/mp4", "jpg": "image/jpeg",
    }  # fmt: skip


def test_an_output_that_is_to_be_missing_is_missing_and_spoken_of() -> None:
    media, lists = files_of(finished(), without=0)
    assert not any("index_90" in key for key in _keys([*media, *lists]))
    (master,) = (file for file in lists if file.key == "h/index.m3u8")
    assert isinstance(master.body, bytes)
    assert b"index_90.m3u8" in master.body


@pytest.mark.parametrize(("code", "wanted"), [("404", 1404), ("NoSuchBucket", 1404), ("403", 1401), ("AccessDenied", 1401), ("EndpointConnectionError", 3450)])
def test_what_s3_says_when_read_becomes_a_code(code: str, wanted: int) -> None:
    failure = read_failure("s3://in/x", code)
    assert failure.code == wanted
    assert "Unable to open input file [s3://in/x]" in failure.message


@pytest.mark.parametrize(("code", "wanted"), [("AccessDenied", 1401), ("NoSuchBucket", 1517), ("SlowDown", 1517), ("EndpointConnectionError", 1517)])
def test_what_s3_says_when_written_to_becomes_a_code(code: str, wanted: int) -> None:
    assert write_failure("s3://out/x", code).code == wanted


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("[mov] [error] stream 1, offset 0x7fdeb: partial file", 1076),
        ("[in#0/matroska] [error] File ended prematurely", 1076),
        ("[aist#0:1/aac @ 0x5] [dec:aac @ 0x6] [error] Error submitting packet to decoder: Invalid data found", 1092),
        ("[h264 @ 0x1] [error] Invalid NAL unit size (1 > 2).\n[aist#0:1/aac] [error] Error processing packet", 1999),
        ("[in#0 @ 0x1] [error] CRC mismatch!", 1075),
        ("[out#0] [error] No space left on device", 1507),
        ("", 1999),
    ],
)
def test_what_ffmpeg_says_becomes_a_code(words: str, code: int) -> None:
    assert decode_failure(words, size=77).code == code


def test_every_code_has_words_of_its_own() -> None:
    assert len(TYPICAL) >= 48
    assert all(JobError(code).message == words for code, words in TYPICAL.items())
    assert JobError(1010, "mine").message == "mine"
