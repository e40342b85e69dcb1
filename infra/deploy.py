"""To AWS with one command: ``python -m infra.deploy up|plan|options|key|destroy --stage prod``, as the Makefile calls it.

Settings come from the environment, as everywhere: OPTIONS="Database=aurora NotifyEmail=me@example.com", YES=1 to go on without
being asked. What was chosen once is kept.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from pathlib import Path

from infra.aws import facts
from infra.aws.destroy import Destroy
from infra.aws.installing import Installer
from infra.aws.stage import TEMPLATES, Stage, find_stage
from infra.aws.up import Up, confirmed
from infra.local import console
from infra.local.steps import StepFailed, explain

INTERRUPTED = "\nInterrupted. The same command goes on from here; what AWS is at, it finishes meanwhile."


def main(arguments: list[str] | None = None) -> int:
    asked = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], int] = asked.command
    try:
        return command(asked)
    except StepFailed as failure:
        explain(failure)
        return 1
    except (KeyboardInterrupt, EOFError):
        console.complain(INTERRUPTED)
        return 130


def up(asked: argparse.Namespace) -> int:
    """Make a stage, or bring it up to date."""
    deployment = _up(asked)
    deployment.plan()
    if os.environ.get("YES") != "1" and not confirmed(input):
        console.say("Nothing was done.")
        return 1
    deployment.run()
    _tell(deployment)
    return 0


def plan(asked: argparse.Namespace) -> int:
    """Say what ``up`` would do, and what it costs."""
    _up(asked).plan()
    return 0


def options(asked: argparse.Namespace) -> int:
    """List what OPTIONS may say."""
    for option in facts.options(asked.templates).values():
        values = f" [{'|'.join(option.allowed)}]" if option.allowed else ""
        console.say(f"{option.name}={option.default or ''}{values}\n    {option.says}")
    return 0


def key(asked: argparse.Namespace) -> int:
    """Make another admin's key, for whoever lost the first."""
    made = Installer(_stage(asked)).ask(admin_key=asked.name)["admin_key"]
    console.say(f"A key for {asked.name}, an admin's, told this once: {made}")
    return 0


def destroy(asked: argparse.Namespace) -> int:
    """Take a stage away. A last snapshot of its database stays."""
    stage = _stage(asked)
    destruction = Destroy(stage)
    if not destruction.plan():
        console.say(f"There is nothing of {stage.name} in {stage.region}.")
        return 0
    said = asked.confirm or input(f"All this goes, in account {stage.account}, {stage.region}. Type the stage's name: ")
    if said.strip() != stage.name:
        console.say("Nothing was done.")
        return 1
    destruction.run()
    return 0


def _stage(asked: argparse.Namespace) -> Stage:
    return find_stage(asked.stage, templates=asked.templates)


def _up(asked: argparse.Namespace) -> Up:
    stage = _stage(asked)
    return Up(stage, facts.choose(stage, os.environ.get("OPTIONS", "")), dist=asked.dist)


def _tell(deployment: Up) -> None:
    console.say(f"\nDashboard  {deployment.address}/")
    console.say(f"API        {deployment.address}/api/")
    console.say(f"Graphs     {deployment.facts.known.get('GraphsAddress', '')}")
    if name := deployment.facts.chosen.get("DomainName"):
        console.say(f"Point {name} to {deployment.facts.known['DistributionDomainName']} (CNAME or alias).")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deploy", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="command")
    for command in (up, plan, options, key, destroy):
        each = commands.add_parser(command.__name__, help=command.__doc__)
        each.add_argument("--stage", required=True)
        each.add_argument("--templates", type=Path, default=TEMPLATES, help="other templates of the same stacks")
        each.add_argument("--dist", type=Path, help="a dashboard that is built already")
        each.add_argument("--confirm", default="", help="the stage's name, for destroying it without being asked")
        each.add_argument("--name", default="admin", help="whose key it is")
        each.set_defaults(command=command)
    return parser


if __name__ == "__main__":
    sys.exit(main())
