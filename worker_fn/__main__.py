"""The worker as a long-running process: ``python -m worker_fn --concurrency 16 --processes 2``, until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from datetime import timedelta

from chalicelib import logs, resources
from chalicelib.errors import SchedulerError
from chalicelib.processes import Processes
from chalicelib.worker import Budget

logger = logging.getLogger(__name__)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m worker_fn", description=__doc__)
    parser.add_argument("--concurrency", type=_positive, default=16, help="handlers at once in a process (default 16)")
    parser.add_argument(
        "--processes", type=_positive, default=1, help="workers side by side, for more cores (default 1)"
    )
    parser.add_argument(
        "--grace", type=float, default=25, help="seconds that started jobs get after SIGTERM (default 25)"
    )
    parser.add_argument(
        "--queue", action="append", default=[], metavar="NAME", help="take from this queue only; may be repeated"
    )
    options = parser.parse_args(arguments)
    logs.start_logging()
    grace = timedelta(seconds=options.grace)
    if options.processes == 1:
        return _serve(options.concurrency, grace, options.queue)
    return Processes(options.processes, lambda: _serve(options.concurrency, grace, options.queue)).run()


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return number


def _serve(concurrency: int, grace: timedelta, queues: list[str]) -> int:
    try:
        engine = resources.engine(concurrency, shows_life=True, only=queues)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: engine.stop())
        logger.info("worker started", extra={"concurrency": concurrency})
        ran = engine.run(Budget(), grace)
    except SchedulerError as error:
        logger.error("cannot start", extra={"reason": str(error)})
        return 1
    logger.info("worker stopped", extra={"attempts": ran.attempts})
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
