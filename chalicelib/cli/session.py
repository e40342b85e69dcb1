"""What every command gets: the API and the output, by --url, --key and --json, which may stand before its name or after it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import Annotated, Concatenate, ParamSpec

import typer

from chalicelib.cli.api import Api
from chalicelib.cli.output import Output

P = ParamSpec("P")

DEFAULT_URL = "http://localhost:8000/api"
PANEL = "Connection and output"

Url = Annotated[str | None, typer.Option("--url", metavar="URL", help="The API.", rich_help_panel=PANEL)]
ApiKey = Annotated[str | None, typer.Option("--key", metavar="KEY", help="The API key.", rich_help_panel=PANEL)]
Json = Annotated[
    bool, typer.Option("--json", help="One JSON document on standard output, for programs.", rich_help_panel=PANEL)
]


@dataclass(frozen=True)
class Session:
    """One run of a command."""

    url: str = DEFAULT_URL
    key: str | None = None
    as_json: bool = False

    def told(self, url: str | None, key: str | None, *, as_json: bool) -> Session:
        """With what was said nearer to the command, where anything was."""
        return Session(url=url or self.url, key=key or self.key, as_json=as_json or self.as_json)

    @cached_property
    def api(self) -> Api:
        """Raises BadParameter."""
        return Api(self.url, self.key)

    @cached_property
    def output(self) -> Output:
        return Output(as_json=self.as_json)


def command(function: Callable[Concatenate[Session, P], None]) -> Callable[..., None]:
    """A command that is given a session, with the three options beside its own. On a group: what it does when called alone."""

    @wraps(function)
    def called(
        ctx: typer.Context,
        url: str | None,
        key: str | None,
        as_json: bool,  # noqa: FBT001 - nothing may stand between *args and **kwargs
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> None:
        before = ctx.obj if isinstance(ctx.obj, Session) else Session()
        ctx.obj = before.told(url, key, as_json=as_json)
        if ctx.invoked_subcommand is None:
            function(ctx.obj, *args, **kwargs)

    _, *own = inspect.signature(function, eval_str=True).parameters.values()
    shared = inspect.signature(_shared, eval_str=True).parameters.values()
    parameters = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in (*own, *shared)]
    vars(called)["__signature__"] = inspect.Signature(parameters)  # what typer reads
    return called


def _shared(*, ctx: typer.Context, url: Url = None, key: ApiKey = None, as_json: Json = False) -> None:
    """The parameters that ``command`` adds."""
