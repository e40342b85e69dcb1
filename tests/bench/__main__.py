"""``make bench``: figures of this machine, printed; every comparison is made within one run."""

from __future__ import annotations

import logging
import os
import platform
import sys

from tests.bench import live_latency, submit_cost


def main() -> None:
    sys.stdout.write(f"{platform.platform()}, {os.cpu_count()} cores, Python {platform.python_version()}\n")
    figures = submit_cost.measure()
    sys.stdout.write(
        f"bare INSERT, committed       {figures.bare_insert_ms:6.3f} ms\n"
        f"one Redis round trip         {figures.redis_round_trip_ms:6.3f} ms\n"
        f"POST /jobs, whole handler    {figures.handler_ms:6.3f} ms   {figures.ratio:.2f} x the bare INSERT\n"
    )
    latency = live_latency.measure()
    sys.stdout.write(
        f"POST → COMPLETED frame       {latency.p50:6.1f} ms   p99 {latency.p99:.1f} ms\n"
        if latency
        else "POST → COMPLETED frame       not measured: start a stack with `make up`\n"
    )


if __name__ == "__main__":
    import app  # noqa: F401 (it starts logging, which the next line quietens)

    logging.getLogger().setLevel(logging.WARNING)
    main()
