"""Whether the worker of this container shows life: ``python -m worker_fn.health`` ends with 0, or with 1 and why not.

While Redis is away nobody can tell, and a worker that waits for it is not to be replaced.
"""

from __future__ import annotations

import socket
import sys
from datetime import timedelta

from chalicelib import resources
from chalicelib.errors import QueueUnavailable

SEEN_WITHIN = timedelta(seconds=10)  # it shows itself every second


def main() -> int:
    try:
        reports = resources.workers().all(SEEN_WITHIN)
    except QueueUnavailable as error:
        sys.stderr.write(f"cannot tell: {error}\n")
        return 0
    if any(report.host == socket.gethostname() for report in reports):
        return 0
    sys.stderr.write(f"no worker on {socket.gethostname()} has shown life for {SEEN_WITHIN.total_seconds():.0f} s\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
