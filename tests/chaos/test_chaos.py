"""The short version, with leases of 3 s: `make chaos` is the long one, with the product's own times."""

from __future__ import annotations

import secrets
import shutil

import pytest

from tests.chaos.faults import FAULTS
from tests.chaos.pace import SHORT
from tests.chaos.run import Plan, run
from tests.chaos.steps import RARE, STEPS

EVERY_STEP = STEPS.keys() - RARE


@pytest.mark.timeout(200)
def test_somebody_dies_at_every_step_and_every_job_has_one_outcome() -> None:
    report = run(
        Plan(
            seed=8,
            seconds=5.0,
            pace=SHORT,
            faults=["storm-of-cancels", "storm-of-cancels", "kill-a-worker"],
            deaths=frozenset(EVERY_STEP),
            all_must_die=True,
        )
    )

    assert report.violations == [], report.home
    assert report.deaths.keys() >= EVERY_STEP
    shutil.rmtree(report.home)


@pytest.mark.timeout(200)
def test_whatever_breaks_every_job_has_one_outcome() -> None:
    seed = secrets.randbits(32)
    report = run(Plan(seed=seed, seconds=20.0, pace=SHORT))

    assert report.violations == [], f"python -m tests.chaos --pace short --seed {seed}; see {report.home}"
    assert len(report.faults) > len(FAULTS) / 2
    shutil.rmtree(report.home)
