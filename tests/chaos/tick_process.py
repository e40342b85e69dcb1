"""The worker's scheduled Lambda: one tick, as the minute's event brings it."""

from __future__ import annotations

import sys
from datetime import timedelta

from tests.chaos import handlers, process
from worker_fn import app

__all__ = ["handlers"]  # importing it registers them

EVENT = {
    "version": "0",
    "account": "0",
    "region": "local",
    "detail": {},
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "time": "2026-01-01T00:00:00Z",
    "id": "tick",
    "resources": [],
}


def main() -> int:
    pace, _ = process.begin()
    app.LENGTH = timedelta(seconds=pace.tick)
    app.GRACE = timedelta(seconds=2)
    app.tick(EVENT, None)
    return 0


if __name__ == "__main__":
    sys.exit(main())
