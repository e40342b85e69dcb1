"""``keys``: who may call the API."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated

import typer
from rich.text import Text

from chalicelib.cli import options
from chalicelib.cli.answers import Key
from chalicelib.cli.api import path
from chalicelib.cli.moments import ago, on_wire
from chalicelib.cli.session import Session, command
from chalicelib.cli.table import Cell, Column, table

COLUMNS = [
    Column("ID"),
    Column("NAME", rank=1, least=8),
    Column("ROLE", rank=1),
    Column("STATE", rank=1),
    Column("RATE", rank=5, right=True),
    Column("CREATED", rank=4, right=True),
    Column("BY", rank=6, least=8),
    Column("USED", rank=2, right=True),
    Column("EXPIRES", rank=3, right=True),
]


class Role(StrEnum):
    """Each may what those before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


KeyName = Annotated[str, typer.Argument(metavar="NAME", help="Whose key it is.")]
KeyIds = Annotated[list[str], typer.Argument(metavar="ID")]
OfRole = Annotated[
    Role, typer.Option("--role", metavar="ROLE", help="viewer reads, operator moves jobs, admin gives keys.")
]
Rate = Annotated[int | None, typer.Option("--rate-limit", min=1, metavar="N", help="Requests a minute.")]


@command
def list_keys(session: Session) -> None:
    """Show all API keys; with a command below, change them."""
    answer = session.api.get("/keys")
    if session.as_json:
        session.output.document(answer.raw)
        return
    rows = [_row(key) for key in answer.read(list[Key])]
    session.output.line(table(session.output.out, COLUMNS, rows) if rows else Text("no keys"))


@command
def create(
    session: Session, name: KeyName, role: OfRole = Role.VIEWER, expires: options.Expires = None, rate: Rate = None
) -> None:
    """Create an API key. The key alone goes to standard output, this once."""
    asked = {"name": name, "role": role, "expires_at": on_wire(expires), "rate_limit": rate}
    answer = session.api.post("/keys", options.given(**asked))
    if session.as_json:
        session.output.document(answer.raw)
    else:
        session.output.line(answer.read(Key).key)
    session.output.note("This key is shown once, and kept nowhere: put it where secrets are kept.")


@command
def revoke(session: Session, key_ids: KeyIds) -> None:
    """Revoke API keys, at once and for ever."""
    for key_id in key_ids:
        session.api.delete(path("keys", key_id))
        if not session.as_json:
            session.output.line(f"{key_id} revoked")
    if session.as_json:
        session.output.document({"revoked": key_ids})


def _row(key: Key) -> list[Cell]:
    times = [ago(key.created_at), key.created_by, ago(key.last_used_at) or "never", ago(key.expires_at)]
    rate = f"{key.rate_limit}/min" if key.rate_limit else ""
    return [key.id, key.name, key.role, _state(key), rate, *times]


def _state(key: Key) -> Text:
    if key.revoked_at:
        return Text("revoked", "red")
    if key.expires_at and key.expires_at <= datetime.now(UTC):
        return Text("expired", "yellow")
    return Text("valid", "green")
