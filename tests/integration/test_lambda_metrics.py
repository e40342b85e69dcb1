"""The worker's Lambda in a process of its own: what CloudWatch finds in its log."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from infra.local.services import ROOT, Addresses
from tests.integration.conftest import World

TICK = "from worker_fn import app; app.run({}, None)"


def test_a_run_leaves_its_metrics_in_the_log(world: World, addresses: Addresses) -> None:
    for number in range(3):
        world.submit("echo", number, queue="a")
    world.submit("echo", queue="b", delay_seconds=3600)
    environment = os.environ | {"DATABASE_URL": addresses.database_url, "REDIS_URL": addresses.redis_url}

    ran = subprocess.run(
        [sys.executable, "-c", TICK], cwd=ROOT, env=environment, capture_output=True, text=True, check=True, timeout=60
    )

    lines = [json.loads(line) for line in ran.stdout.splitlines() if '"_aws"' in line]
    everything, b = lines
    assert (everything["Attempts"], everything["Completed"], everything["Failed"], everything["Depth"]) == (3, 3, 0, 1)
    assert (b["Queue"], b["Depth"], b["OldestAge"]) == ("b", 1, 0)
    assert world.workers.all() == []
