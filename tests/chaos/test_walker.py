"""Processes die at the N-th fault point of everything there is; after each death every promise is looked at. A failed round says how to repeat it.

The normal run takes the deaths that have a name among the scenarios, and a seeded sample (WALKER_SEED); `make chaos` takes every pass of
a video's way, the first and the last of each point of every other walk (WALKER_PASSES=3 for more), and pairs of deaths.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from tests import points
from tests.chaos.walker.rounds import MOST_PASSES, Round, Walker, elsewhere_settings, s3_settings, walker
from tests.chaos.walker.walks import ELSEWHERE, IN_S3, ON_DISK
from tests.emulator import RENDITIONS, running_emulator
from tests.s3 import running

SEED = int(os.environ.get("WALKER_SEED", "1"))
PASSES_OF_VIDEO = 88  # at least
SAMPLE = 4


@pytest.fixture(scope="module")
def on_disk() -> Iterator[Walker]:
    with walker(os.environ["DATABASE_URL"]) as made:
        yield made


@pytest.fixture(scope="module")
def in_s3() -> Iterator[Walker]:
    with running(S3_UPLOAD_PART_MIN_SIZE="1024") as s3, walker(os.environ["DATABASE_URL"], **s3_settings(s3)) as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[Walker]:
    with running(S3_UPLOAD_PART_MIN_SIZE="1024") as s3, running_emulator(s3) as fake:
        s3.client.create_bucket(Bucket=RENDITIONS)
        with walker(os.environ["DATABASE_URL"], **elsewhere_settings(fake)) as made:
            yield made


def well(done: Round, *, died: bool = True) -> Round:
    assert not done.broken, str(done)
    assert done.died is died, str(done)
    return done


@pytest.mark.stack
@pytest.mark.parametrize(
    "point",
    [
        pytest.param("uploads.append.after_fsync", id="between_fsync_and_commit"),
        pytest.param("uploads.append.after_commit", id="between_commit_and_answer"),
        pytest.param("tasks.enqueue.many_committed", id="before_the_wake_up"),
        pytest.param("tasks.run.body_done", id="between_body_and_its_end"),
    ],
)
def test_an_upload_survives_a_death(on_disk: Walker, point: str) -> None:
    done = well(on_disk.round("plain", f"die@{point}:2"))
    assert done.passed[-1] == point


@pytest.mark.stack
def test_a_video_survives_deaths_anywhere(on_disk: Walker) -> None:
    dice = random.Random(SEED)
    stretch = PASSES_OF_VIDEO // SAMPLE
    for number in range(SAMPLE):
        well(on_disk.round("video", f"die@{number * stretch + dice.randint(1, stretch)}"))


@pytest.mark.stack
def test_a_file_in_s3_survives_deaths_anywhere(in_s3: Walker) -> None:
    dice = random.Random(SEED)
    for walk in ("parts", "direct"):
        well(in_s3.round(walk, f"die@{dice.randint(1, 24)}"))


@pytest.mark.chaos
@pytest.mark.parametrize("walk", list(ON_DISK))
def test_every_death_on_disk(on_disk: Walker, walk: str) -> None:
    every(on_disk, walk)


@pytest.mark.chaos
@pytest.mark.parametrize("walk", list(IN_S3))
def test_every_death_in_s3(in_s3: Walker, walk: str) -> None:
    every(in_s3, walk)


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["submission.asked", "submission.searched", "submission.made", "submission.named", "remote.stopped"])
def test_a_death_while_an_engine_elsewhere_is_asked(elsewhere: Walker, point: str) -> None:
    well(elsewhere.round("elsewhere", f"die@processing.{point}"))


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["observe.to_be_verified", "verify.rung_ready", "verify.looked"])
def test_a_death_while_what_it_made_is_looked_at(elsewhere: Walker, point: str) -> None:
    well(elsewhere.round("elsewhere", f"die@processing.{point}"))


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["before_apply", "adopted", "applied", "before_delete", "replayed"])
def test_a_death_while_news_is_taken_in(elsewhere: Walker, point: str) -> None:
    well(elsewhere.round("news", f"die@processing.events.{point}"))


@pytest.mark.chaos
@pytest.mark.parametrize("point", ["look.seen", "look.decided", "stalls.ended", "route.chosen", "watch.answered", "watch.believed", "sweep.page_done"])
def test_a_death_while_somebody_looks_after_jobs_elsewhere(elsewhere: Walker, point: str) -> None:
    well(elsewhere.round("news", f"die@processing.{point}"))


@pytest.mark.chaos
@pytest.mark.parametrize("walk", ["video", "endings", "failing"])
def test_who_recovers_may_die_too(on_disk: Walker, walk: str) -> None:
    """The second life dies as well, wherever it is by then; the third recovers from both."""
    dice = random.Random(SEED)
    for _ in range(15):
        done = on_disk.round(walk, f"die@{dice.randint(1, 80)}", f"die@{dice.randint(1, 60)}")
        assert not done.broken, str(done)


@pytest.mark.chaos
def test_every_point_is_passed_by_a_walk(on_disk: Walker, in_s3: Walker, elsewhere: Walker) -> None:
    passed = {name for walk in ON_DISK for name in well(on_disk.round(walk, ""), died=False).passed}
    passed |= {name for walk in IN_S3 for name in well(in_s3.round(walk, ""), died=False).passed}
    passed |= {name for walk in ELSEWHERE for name in well(elsewhere.round(walk, ""), died=False).passed}
    assert {name for name, _ in points.in_code()} - passed == set(), "nobody dies there: let a walk pass it"


def every(made: Walker, walk: str) -> None:
    """All rounds, whatever breaks on the way; then all that broke."""
    rounds = list(made.all(walk, most=1000 if walk == "video" else MOST_PASSES))
    print(f"\n{walk}: died at {sum(done.died for done in rounds)} passes of {len(set(rounds[0].passed))} points")
    broken = [str(done) for done in rounds if done.broken]
    assert not broken, "\n".join(broken)
    assert sum(done.died for done in rounds) >= 3, "hardly anybody died: this proves little"
