"""The worker's Lambda in a process of its own: what CloudWatch finds in its log."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from infra.local.services import ROOT, Addresses
from tests.integration.conftest import World

EVENT = {
    "version": "0", "id": "1", "account": "1", "region": "eu-central-1", "source": "aws.events", "resources": [],
    "time": "2026-01-02T03:04:05Z", "detail-type": "Scheduled Event", "detail": {},
}  # fmt: skip
TICK = f"from worker_fn import app; app.tick({EVENT}, None)"


def test_a_tick_says_what_waited_and_then_what_it_did(world: World, addresses: Addresses) -> None:
    for number in range(3):
        world.submit("echo", number, queue="a")
    world.submit("echo", queue="b", delay_seconds=3600)
    settings = {"DATABASE_URL": addresses.database_url, "REDIS_URL": addresses.redis_url, "STAGE": "local"}

    ran = subprocess.run(
        [sys.executable, "-c", TICK],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        timeout=60,
    )

    assert ran.returncode == 0, ran.stderr
    lines = [json.loads(line) for line in ran.stdout.splitlines() if '"_aws"' in line]
    everything, a, b, run = lines
    assert {line["Stage"] for line in lines} == {"local"}
    assert (everything["Depth"], everything["FailedLastMinute"]) == (4, 0)
    assert everything["OldestAge"] >= a["OldestAge"] > 0
    assert (a["Queue"], a["Depth"]) == ("a", 3)
    assert (b["Queue"], b["Depth"], b["OldestAge"]) == ("b", 1, 0)
    assert (run["Attempts"], run["Completed"], run["Failed"]) == (3, 3, 0)
    assert world.workers.all() == []
