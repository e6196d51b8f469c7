"""What outputs are called: exactly as the service calls them."""

from __future__ import annotations

import pytest

from processing.emulator.work.codes import JobError
from processing.emulator.work.made import suffixes
from processing.emulator.work.names import base_name, place, pointer, split
from processing.emulator.work.plan import Kind, main_files, plan

from .jobs import captures, group, h264, ladder, output, settings, sound, source


def test_a_destination_is_a_folder_and_a_base_name() -> None:
    where = place("s3://out/a/b/index", "s3://in/film.mp4", path="")
    assert (where.bucket, where.folder, where.base) == ("out", "a/b/", "index")
    assert where.key("_720.m3u8") == "a/b/index_720.m3u8"
    assert where.url(".m3u8") == "s3://out/a/b/index.m3u8"


@pytest.mark.parametrize(("destination", "key"), [("s3://out/a/", "a/my film.m3u8"), ("s3://out/", "my film.m3u8"), ("s3://out", "my film.m3u8")])
def test_a_destination_without_a_name_takes_the_inputs(destination: str, key: str) -> None:
    assert place(destination, "s3://in/x/my film.mov", path="").key(".m3u8") == key


@pytest.mark.parametrize(("url", "name"), [("s3://in/a/b.c.mp4", "b.c"), ("s3://in/noext", "noext"), ("s3://in/.hidden", ".hidden")])
def test_the_inputs_base_name_is_without_folder_and_extension(url: str, name: str) -> None:
    assert base_name(url) == name


@pytest.mark.parametrize("destination", ["s3://out/$fn$/x", "s3://out/x$dt$", "https://out/x"])
def test_destinations_we_do_not_make_are_refused_by_name(destination: str) -> None:
    with pytest.raises(JobError, match=r"/outputGroups/0/.*destination: .*emulator") as refused:
        plan(settings(ladder(destination, 90)), source())
    assert refused.value.code == 1040


@pytest.mark.parametrize("url", ["http://x/y", "s3://", "s3:///key", "film.mp4", ""])
def test_only_s3_urls_are_split(url: str) -> None:
    with pytest.raises(ValueError, match="not an s3"):
        split(url)
    assert split("s3://bucket/a/b") == ("bucket", "a/b")


def test_places_in_a_request_are_written_as_the_service_writes_them() -> None:
    assert pointer("OutputGroups", 0, "Outputs", 1, "NameModifier") == "/outputGroups/0/outputs/1/nameModifier"
    assert pointer("Inputs", 0, "AudioSelectors", "Audio Selector 1") == "/inputs/0/audioSelectors/Audio Selector 1"


def test_every_kind_of_output_has_its_names() -> None:
    alone = {"OutputSettings": {"HlsSettings": {"SegmentModifier": "_seg"}}, "AudioDescriptions": sound()}
    groups = plan(
        settings(
            group("Hls", "s3://out/h/index", output("M3U8", "_720", VideoDescription=h264()), output("M3U8", "_a", **alone)),
            group("Cmaf", "s3://out/c/index", output("CMFC", "_v", VideoDescription=h264()), output("CMFC", "_a", AudioDescriptions=sound())),
            group("File", "s3://out/f/", output("MP4", "_x", VideoDescription=h264()), output("RAW", "_p", VideoDescription=captures())),
        ),
        source(),
    )
    names = {found.name: [found.name + suffix for suffix in suffixes(found, 3)] for one in groups for found in one.outputs}
    assert names == {
        "index_720": ["index_720_00001.ts", "index_720_00002.ts", "index_720_00003.ts"],
        "index_a": ["index_ainit.cmfa", "index_a_000000001.cmfa", "index_a_000000002.cmfa"],
        "index_v": ["index_vinit.cmfv", "index_v_000000001.cmfv", "index_v_000000002.cmfv"],
        "film_x": ["film_x.mp4"],
        "film_p": ["film_p.0000000.jpg", "film_p.0000001.jpg", "film_p.0000002.jpg"],
    }
    packed = groups[0].outputs[1]
    assert packed.kind is Kind.AAC
    assert suffixes(packed, 1) == ["_seg_00001.aac"]
    assert list(main_files(groups)) == [
        "s3://out/h/index_720.m3u8", "s3://out/h/index_a.m3u8", "s3://out/c/index_v.m3u8", "s3://out/c/index_a.m3u8",
        "s3://out/f/film_x.mp4", "s3://out/f/film_p.0000000.jpg",
    ]  # fmt: skip


def test_an_extension_of_ones_own_is_taken() -> None:
    (found,) = plan(settings(group("File", "s3://out/f/x", output("MP4", Extension="m4v", VideoDescription=h264()))), source())
    assert suffixes(found.outputs[0], 1) == [".m4v"]


@pytest.mark.parametrize(
    "wanted",
    [
        settings(group("File", "s3://holdfast-uploads/uploads/abc/", output("MP4", VideoDescription=h264()))),
        settings(ladder("s3://out/x", 90, 90)),
        settings(ladder("s3://out/x", 90), ladder("s3://out/x", 90)),
    ],
)
def test_two_outputs_never_write_the_same_file_nor_over_the_input(wanted: dict) -> None:
    with pytest.raises(JobError, match="Duplicate"):
        plan(wanted, source())
