"""The ``jobctl`` command, or ``python -m chalicelib.cli``. In reading order:

direct     migrate, doctor, keys bootstrap, schedules apply: straight on the database, without the libraries below
app        all commands in one tree, and what is said when one fails
session    what every command gets: the API and the output, and the options --url, --key and --json
api        HTTP to the API, with patience where a request may be repeated
output     text from strangers to terminals, JSON to programs
table      rows that fit
answers    what the API answers
options    options that several commands share
moments    durations and times, as people write and read them
payloads   a payload from arguments, a file or standard input
following  jobs until they are final, by long polls
submit, batch, browse, sheet, watch, log_lines, moves, queues, schedules, schedule_runs, keys, overview:
the commands

Talks to the API alone, so it needs typer and rich, but no database; nothing outside this package may import it.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence

from chalicelib.cli import direct


def main(arguments: Sequence[str]) -> int:
    """The exit status. Raises SystemExit where a parser ends the process."""
    if direct.is_direct(arguments):
        return direct.main(arguments)
    if importlib.util.find_spec("typer") is None:
        sys.stderr.write("This command needs typer and rich: pip install 'job-scheduler[cli]'\n")
        return 2
    from chalicelib.cli.app import run

    return run(arguments)
