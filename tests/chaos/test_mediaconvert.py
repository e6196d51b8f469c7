"""Many jobs at a MediaConvert where everything goes wrong now and then, and workers that are killed: each ends published, or with a reason."""

from __future__ import annotations

import os

import pytest

from tests.chaos.mediaconvert import run
from tests.stack.aws import AwsSystem

pytestmark = pytest.mark.chaos

JOBS = int(os.environ.get("CHAOS_JOBS", "500"))
SEED = int(os.environ.get("CHAOS_SEED", "11"))
SHARE = 0.1


def test_every_one_of_many_jobs_ends_whatever_happens_to_it() -> None:
    with AwsSystem(EMULATOR_MODE="fast", EMULATOR_SEED=str(SEED), WORKERS="2", MEDIA_WORKERS="2") as system:
        run(system, JOBS, seed=SEED, share=SHARE)
