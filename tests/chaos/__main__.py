"""``python -m tests.chaos [--seed N] [--minutes M] [--fault NAME …]``: break things for a while, and judge."""

from __future__ import annotations

import argparse
import secrets
import shutil
import sys

from infra.local.console import complain, say
from tests.chaos.faults import FAULTS
from tests.chaos.pace import EARNEST, PACES
from tests.chaos.run import Plan, Report, run
from tests.chaos.sabotage import KINDS

SHOWN = 40  # violations


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbits(32), help="which faults and jobs (default: any)")
    parser.add_argument("--minutes", type=float, default=6.0, help="how long things are broken (default 6)")
    parser.add_argument("--fault", action="append", choices=FAULTS, help="only this one; may be given again")
    parser.add_argument("--pace", choices=PACES, default=EARNEST.name, help="short: with leases of 3 s")
    parser.add_argument("--sabotage", choices=KINDS, help="workers that do it wrong: the verdict must notice")
    options = parser.parse_args(arguments)
    plan = Plan(
        seed=options.seed,
        seconds=options.minutes * 60,
        pace=PACES[options.pace],
        faults=options.fault or list(FAULTS),
        sabotage=options.sabotage,
        say=say,
    )
    report = run(plan)
    say(summary(report))
    if not report.violations:
        shutil.rmtree(report.home)
        return 0
    for violation in report.violations[:SHOWN]:
        complain(f"VIOLATED: {violation}")
    complain(f"{len(report.violations)} violations with seed {options.seed}; logs and ledgers are in {report.home}")
    return 1


def summary(report: Report) -> str:
    return "\n".join(
        [
            f"{report.jobs.total()} jobs {dict(report.jobs)}, {report.attempts} attempts begun, in {report.seconds:.0f} s",
            f"{report.faults.total()} faults {dict(report.faults)}",
            f"{report.deaths.total()} deaths at steps {dict(report.deaths)}",
            f"{report.crashes} attempts were lost to vanished workers",
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
