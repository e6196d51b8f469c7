from __future__ import annotations

from typing import Any

import pytest

from processing.ladder import ladder, rung_from_json


def probe(width: int, height: int, *, fps: float = 30, rotation: int = 0) -> dict[str, Any]:
    return {"video": {"width": width, "height": height, "fps": fps, "rotation": rotation}, "audio": None}


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (probe(320, 180), [("180p", 320, 180)]),
        (probe(640, 360), [("360p", 640, 360)]),
        (probe(854, 480), [("360p", 640, 360), ("480p", 854, 480)]),
        (probe(1280, 720), [("360p", 640, 360), ("480p", 854, 480), ("720p", 1280, 720)]),
        (probe(3840, 2160), [("360p", 640, 360), ("480p", 854, 480), ("720p", 1280, 720), ("1080p", 1920, 1080)]),
        (probe(720, 1280), [("360p", 360, 640), ("480p", 480, 854), ("720p", 720, 1280)]),
        (probe(1280, 720, rotation=90), [("360p", 360, 640), ("480p", 480, 854), ("720p", 720, 1280)]),
        (probe(1280, 720, rotation=-90), [("360p", 360, 640), ("480p", 480, 854), ("720p", 720, 1280)]),
        (probe(640, 360, rotation=180), [("360p", 640, 360)]),
        (probe(321, 181), [("180p", 320, 180)]),
        (probe(1, 1), [("2p", 2, 2)]),
        (probe(720, 576), [("360p", 450, 360), ("480p", 600, 480)]),
    ],
)
def test_rungs_for_a_picture(source: dict[str, Any], expected: list[tuple[str, int, int]]) -> None:
    assert [(rung.name, rung.width, rung.height) for rung in ladder(source)] == expected


@pytest.mark.parametrize("width", [2, 99, 318, 643, 1001, 1919, 4000, 20_000])
@pytest.mark.parametrize("height", [2, 101, 361, 719, 1081, 9_999])
def test_no_rung_is_larger_than_its_source_or_odd(width: int, height: int) -> None:
    for rung in ladder(probe(width, height)):
        assert rung.width <= width
        assert rung.height <= height
        assert rung.width % 2 == rung.height % 2 == 0
        assert max(rung.width, rung.height) <= 4096


def test_sound_gets_one_rung_and_nothing_gets_none() -> None:
    assert [rung.name for rung in ladder({"video": None, "audio": {"codec": "aac"}})] == ["audio"]
    assert ladder({"video": None, "audio": None}) == []
    assert ladder({}) == []
    assert ladder({"video": {"width": None, "height": None}, "audio": None}) == []


@pytest.mark.parametrize(("fps", "cap"), [(24, 0), (60, 0), (120, 60), (1000, 60), (None, 0)])
def test_only_more_than_sixty_pictures_a_second_are_capped(fps: Any, cap: float) -> None:
    assert ladder(probe(640, 360, fps=fps))[0].fps_cap == cap


@pytest.mark.parametrize(("fps", "cap"), [(8.3, 30), (30, 30), (31.5, 30), (50, 60), (120, 60)])
def test_a_browsers_recording_gets_a_steady_clock(fps: float, cap: float) -> None:
    assert ladder(probe(640, 360, fps=fps) | {"measured": True})[0].fps_cap == cap


def test_a_rung_survives_its_row() -> None:
    for rung in ladder(probe(1280, 720)):
        assert rung_from_json(rung.as_json()) == rung
