"""Whether a worker process is there for the jobs, or submits would have to wake a Lambda."""

from __future__ import annotations

import time

from chalicelib.redis_link import Batch, connect
from chalicelib.workers import Workers

LONGEST_START = 15  # seconds


def wait_for_life(redis_url: str) -> bool:
    """Whether one showed life in time."""
    client = connect(redis_url)
    ends_at = time.monotonic() + LONGEST_START
    try:
        while time.monotonic() < ends_at:
            batch = Batch(client)
            Workers(client).count(batch)
            if batch.send() != [0]:
                return True
            time.sleep(0.05)
        return False
    finally:
        client.close()
