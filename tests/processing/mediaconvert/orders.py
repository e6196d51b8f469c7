"""Orders made by hand and by chance, for what is pure."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from processing.engines.base import Order
from processing.engines.mediaconvert.job_settings import Place
from processing.ladder import ladder

PLACE = Place(role="arn:aws:iam::111122223333:role/holdfast-mediaconvert", outputs="s3://holdfast-renditions/renditions/", environment="test")
FILM: dict[str, Any] = {
    "container": "mov", "duration_s": 60.0, "video": {"codec": "h264", "width": 1920, "height": 1080, "fps": 30.0, "frames": 1800, "rotation": 0},
    "audio": {"codec": "aac", "channels": 2, "rate": 48000},
}  # fmt: skip


def order(probe: dict[str, Any] | None = None, **values: Any) -> Order:
    probe = FILM if probe is None else probe
    given: dict[str, Any] = {
        "attempt_id": "att_1", "job_id": "job_1", "video_id": "vid_1", "source": "s3://holdfast-uploads/uploads/upl_1/file", "source_size": 1000,
        "probe": probe, "missing": tuple(ladder(probe)), "prefix": "vid_1/job_1/att_1", "needs_poster": True,
    }  # fmt: skip
    return Order(**(given | values))


def _video() -> st.SearchStrategy[dict[str, Any]]:
    sizes = st.integers(min_value=32, max_value=8192)
    rates = st.sampled_from([0.0, 5.0, 23.976, 25.0, 29.97, 59.94, 60.0, 120.0, 240.0, 1000.0])
    turns = st.sampled_from([0, 90, -90, 180, 270])
    return st.fixed_dictionaries({"codec": st.just("h264"), "width": sizes, "height": sizes, "fps": rates, "frames": st.just(0), "rotation": turns})


PROBES = st.fixed_dictionaries(
    {
        "container": st.just("mov"), "duration_s": st.floats(min_value=0, max_value=86_400, allow_nan=False), "video": st.none() | _video(),
        "audio": st.sampled_from([None, {"codec": "aac", "channels": 2, "rate": 48000}]),
    },
    optional={"measured": st.booleans()},
)  # fmt: skip


@st.composite
def orders(draw: st.DrawFn) -> Order:
    """An order for any source there is something to make of, for all its rungs or for some."""
    probe = draw(PROBES.filter(lambda probe: bool(ladder(probe))))
    rungs = ladder(probe)
    missing = draw(st.lists(st.sampled_from(rungs), min_size=1, unique=True).map(lambda some: tuple(rung for rung in rungs if rung in some)))
    return order(probe, missing=missing, salvage=draw(st.booleans()), needs_poster=draw(st.booleans()))
