"""The product's own worker, with chaos handlers, and perhaps a step at which it kills itself:

``python -m tests.chaos.worker_process [--die STEP:N …] [--sabotage NAME] -- <the worker's own arguments>``
"""

from __future__ import annotations

import argparse
import sys

from tests.chaos import handlers, process, sabotage, steps
from worker_fn.__main__ import main as work

__all__ = ["handlers"]  # importing it registers them


def main(arguments: list[str]) -> int:
    _, ledger = process.begin()
    parser = argparse.ArgumentParser()
    parser.add_argument("--die", action="append", default=[])
    parser.add_argument("--sabotage", choices=sabotage.KINDS)
    parser.add_argument("own", nargs="*")
    options = parser.parse_args(arguments)
    for order in options.die:
        steps.die_at(order, ledger)
    if options.sabotage:
        sabotage.KINDS[options.sabotage]()
    return work(options.own)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
