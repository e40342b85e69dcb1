"""All commands in one tree, and what is said when one fails."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer
from typer.main import get_command

from chalicelib.cli import (
    browse,
    direct,
    keys,
    log_lines,
    moves,
    overview,
    queues,
    retention,
    schedule_runs,
    schedules,
    submit,
    watch,
)
from chalicelib.cli.output import Output
from chalicelib.cli.session import DEFAULT_URL, PANEL, Session
from chalicelib.errors import ApiRefused, SchedulerError

REFUSED = 4
HINTS = {
    "unauthenticated": "Give an API key: JOBS_KEY, or --key. An admin makes one with `jobctl keys create`.",
    "forbidden": "This key's role may not do that; `jobctl keys create --role` makes one that may.",
}
ENDING = (
    "Exit status: 0 done; 1 a job that was waited for FAILED; 2 wrong usage; 3 such a job was CANCELLED; "
    "4 the API refused, or cannot be reached; 130 interrupted."
)
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}

app = typer.Typer(
    name="jobctl",
    no_args_is_help=True,
    epilog=ENDING,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(
    ctx: typer.Context,
    *,
    url: Annotated[
        str, typer.Option("--url", envvar="JOBS_URL", metavar="URL", help="The API.", rich_help_panel=PANEL)
    ] = DEFAULT_URL,
    key: Annotated[
        str | None,
        typer.Option("--key", envvar="JOBS_KEY", metavar="KEY", help="The API key.", rich_help_panel=PANEL),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.", rich_help_panel=PANEL)] = False,
) -> None:
    """Submit jobs, watch them, and run the scheduler."""
    ctx.obj = Session(url=url, key=key, as_json=as_json)


def run(arguments: Sequence[str]) -> int:
    """The exit status of a failure. Raises SystemExit otherwise, as typer does."""
    try:
        get_command(app).main(list(arguments), prog_name="jobctl")
    except SchedulerError as error:
        _explain(error)
    return REFUSED


def _explain(error: SchedulerError) -> None:
    output = Output(as_json=False)
    output.note(str(error))
    for path, detail in error.faults if isinstance(error, ApiRefused) else ():
        output.note(path if str(error).startswith(detail) else f"{path}: {detail}")
    if error.code in HINTS:
        output.note(HINTS[error.code])


def _group(name: str, panel: str, alone: Callable[..., None], **commands: Callable[..., None]) -> typer.Typer:
    """alone: what the group's name does by itself, and ``list`` does too."""
    group = typer.Typer(invoke_without_command=True, callback=alone)
    for named, function in {"list": alone, **commands}.items():
        group.command(named)(function)
    app.add_typer(group, name=name, rich_help_panel=panel)
    return group


def _direct(parent: typer.Typer, *name: str, panel: str | None, function: Callable[..., int]) -> None:
    """Parsed by ``direct``; here it only has its place in the help."""

    def passed_on(ctx: typer.Context) -> None:
        raise typer.Exit(direct.main([*name, *ctx.args]))

    told = (function.__doc__ or "").partition("\n")[0]
    parent.command(name[-1], help=told, rich_help_panel=panel, context_settings=PASSED_ON)(passed_on)


JOBS, CONTROL, LOOK, DEPLOY = "Jobs", "Queues, schedules, keys", "Look around", "Straight on the database"

for _name, _command in {
    "submit": submit.submit,
    "list": browse.list_jobs,
    "show": browse.show,
    "watch": watch.watch,
    "logs": log_lines.logs,
    "cancel": moves.cancel,
    "revive": moves.revive,
    "move": moves.move,
    "copy": browse.copy,
}.items():
    app.command(_name, rich_help_panel=JOBS)(_command)

_group(
    "queues",
    CONTROL,
    queues.list_queues,
    show=queues.show,
    pause=queues.pause,
    resume=queues.resume,
    set=queues.set_up,
    purge=queues.purge,
)
_schedules = _group(
    "schedules",
    CONTROL,
    schedules.list_schedules,
    add=schedules.add,
    show=schedules.show,
    remove=schedules.remove,
    pause=schedules.pause,
    resume=schedules.resume,
    run=schedules.run_now,
    preview=schedules.preview,
    runs=schedule_runs.runs,
    backfill=schedule_runs.backfill,
)
_group("retention", CONTROL, retention.show, set=retention.change)
_direct(_schedules, "schedules", "apply", panel=None, function=direct.apply)
_keys = _group("keys", CONTROL, keys.list_keys, create=keys.create, revoke=keys.revoke)
_direct(_keys, "keys", "bootstrap", panel=None, function=direct.bootstrap)

for _command in (overview.types, overview.workers, overview.stats, overview.audit):
    app.command(rich_help_panel=LOOK)(_command)

_direct(app, "doctor", panel=DEPLOY, function=direct.doctor)
_direct(app, "migrate", panel=DEPLOY, function=direct.migrate)
