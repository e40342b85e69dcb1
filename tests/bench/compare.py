"""``python -m tests.bench.compare``: this system and its peers, side by side, on this computer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.bench.comparison import history, report, rounds, servers
from tests.bench.comparison.counts import QUICK, Counts
from tests.bench.comparison.environments import ROOT
from tests.bench.peers import PEERS


def main(arguments: Sequence[str]) -> None:
    options = _options(arguments)
    peers = [peer for peer in PEERS if peer.name in options.peers]
    taking_part = rounds.entries(peers)
    counts = QUICK if options.quick else Counts()
    with servers.running() as running:
        head = report.head(running, quick=options.quick)
        rounds.say(", ".join(f"{name} {value}" for name, value in (head.machine | head.versions).items()))
        if options.history:
            report.write_history(head, history.measure(taking_part, running, counts, options.history), options.out)
        else:
            for _ in rounds.measure(taking_part, running, counts, options.rounds):
                report.write(head, taking_part, options.out)
            report.show(options.out)


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compare", description=__doc__)
    parser.add_argument("--peers", type=_names, default=_names(""), help="some of: " + ",".join(_all()))
    parser.add_argument("--rounds", type=int, default=3, help="how many; medians are reported (default 3)")
    parser.add_argument("--quick", action="store_true", help="few jobs: shows that everything works, and no more")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "bench", help="a folder for the report")
    parser.add_argument(
        "--history",
        type=int,
        nargs="?",
        const=history.ROWS,
        metavar="ROWS",
        help=f"measure instead what that many finished rows cost (default {history.ROWS:,}; takes minutes a peer)",
    )
    return parser.parse_args(arguments)


def _names(text: str) -> list[str]:
    """All when empty."""
    names = [name for name in text.split(",") if name] or _all()
    unknown = set(names) - set(_all())
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(_all())}")
    return names


def _all() -> list[str]:
    return [peer.name for peer in PEERS]


if __name__ == "__main__":
    main(sys.argv[1:])
