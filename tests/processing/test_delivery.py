from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from processing.delivery import open_rendition
from processing.models import Publication
from processing.notes import RenditionNotFound
from processing.store import delete_tree, put_file, put_folder, put_text
from tests.factories import make_job

pytestmark = pytest.mark.django_db


@pytest.fixture
def publication(tmp_path: Path) -> Publication:
    job = make_job()
    vid = job.video.public_id
    for name in ("main-1.m3u8", "a/360p/00000.ts", "a/poster.jpg", "a/init.mp4", "a/poster/poster.0000001.jpg", "secret.txt"):
        put_text(f"{vid}/{job.public_id}/{name}", name)
    return Publication.objects.create(video=job.video, job=job, playlist=f"{vid}/{job.public_id}/main-1.m3u8")


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("main-1.m3u8", "application/vnd.apple.mpegurl"), ("a/360p/00000.ts", "video/mp2t"), ("a/poster.jpg", "image/jpeg"), ("a/init.mp4", "video/mp4"),
     ("a/poster/poster.0000001.jpg", "image/jpeg")],
)  # fmt: skip
def test_published_files_come_with_their_type(publication: Publication, name: str, content_type: str) -> None:
    delivered = open_rendition(publication.video, f"{publication.job.public_id}/{name}")
    with delivered.file as file:
        assert file.read() == name.encode()
    assert (delivered.content_type, delivered.size) == (content_type, len(name))


@pytest.mark.parametrize(
    "path",
    [
        "", "/", ".", "..", "../x.ts", "JOB/../JOB/main-1.m3u8", "JOB/a/%2e%2e/main-1.m3u8", "/etc/passwd", "//etc/hosts.ts", "JOB//main-1.m3u8",
        "JOB/secret.txt", "JOB/a", "JOB/a/360p/00001.ts", "JOB/.hidden.ts", "JOB/main-1.m3u8\n", "JOB/main-1.m3u8\x00.ts", "JOB\\main-1.m3u8",
        "JOB/a.ts/main-1.m3u8", "JOB/main-1.m3u8/x.ts", "x" * 300 + ".ts", "JOB/..ts", "JOB/a..ts", "JOB/a.b.c.d.ts", "JOB/ümlaut.ts",
    ],
)  # fmt: skip
def test_nothing_else_can_be_named(publication: Publication, path: str) -> None:
    with pytest.raises(RenditionNotFound):
        open_rendition(publication.video, path.replace("JOB", publication.job.public_id))


def test_another_video_is_out_of_reach(publication: Publication) -> None:
    other = make_job()
    with pytest.raises(RenditionNotFound):
        open_rendition(other.video, f"{publication.job.public_id}/main-1.m3u8")


def test_a_name_is_never_used_twice(tmp_path: Path) -> None:
    for text in ("one", "two"):
        (tmp_path / "f").write_text(text)
        if text == "one":
            put_file(tmp_path / "f", "t/f.ts")
    with pytest.raises(FileExistsError):
        put_file(tmp_path / "f", "t/f.ts")
    assert (Path(settings.RENDITION_DIR) / "t/f.ts").read_text() == "one"
    assert [path.name for path in (Path(settings.RENDITION_DIR) / "t").iterdir()] == ["f.ts"]
    assert delete_tree("t") == 1


def test_the_playlist_is_put_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("index.m3u8", "00000.ts", "z.ts"):
        (tmp_path / name).write_text(name)
    put: list[str] = []
    monkeypatch.setattr("processing.store.put_file", lambda path, name: put.append(name))
    assert put_folder(tmp_path, "p", last="index.m3u8") == 22
    assert put == ["p/00000.ts", "p/z.ts", "p/index.m3u8"]


@pytest.mark.parametrize("prefix", ["", "..", "a/../..", "../a"])
def test_only_prefixes_of_ours_are_deleted(prefix: str) -> None:
    with pytest.raises(ValueError, match="not a prefix"):
        delete_tree(prefix)
