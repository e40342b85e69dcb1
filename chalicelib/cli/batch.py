"""``submit --batch``: a file of submissions, sent in pieces that the API takes whole or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import msgspec
import typer
from rich.progress import Progress

from chalicelib.cli.payloads import content_of
from chalicelib.cli.session import Session
from chalicelib.errors import ApiRefused, SchedulerError

MOST_JOBS = 10_000  # a request
MOST_BYTES = 4 * 1024 * 1024  # a request; the API takes 5 MB


class Line(msgspec.Struct, frozen=True):
    """A submission. number: its line in the file, from 1."""

    number: int
    raw: msgspec.Raw


class Created(msgspec.Struct, frozen=True):
    ids: list[str]


def submit_file(session: Session, file: Path) -> None:
    """Every line is looked at before the first job is submitted. Raises BadParameter."""
    lines = list(_lines(content_of(file)))
    ids: list[str] = []
    with Progress(console=session.output.err, disable=not session.output.err.is_interactive) as bars:
        task = bars.add_task("submitting", total=len(lines))
        for piece in pieces(lines):
            ids += _sent(session, piece, len(ids), len(lines))
            bars.update(task, completed=len(ids))
    if session.as_json:
        session.output.document({"count": len(ids), "ids": ids})
    else:
        session.output.line(f"submitted {len(ids):,} jobs")


def pieces(lines: Sequence[Line]) -> Iterator[list[Line]]:
    """In the file's order, each within what one request may hold."""
    piece: list[Line] = []
    size = 0
    for line in lines:
        length = memoryview(line.raw).nbytes + 1  # and a comma
        if piece and (len(piece) == MOST_JOBS or size + length > MOST_BYTES):
            yield piece
            piece, size = [], 0
        piece.append(line)
        size += length
    if piece:
        yield piece


def _lines(content: bytes) -> Iterator[Line]:
    for number, written in enumerate(content.split(b"\n"), start=1):
        if written.strip():
            yield Line(number, _checked(written.strip(), number))


def _checked(written: bytes, number: int) -> msgspec.Raw:
    try:
        msgspec.json.decode(written, type=dict[str, object])
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"line {number} is no JSON object, and nothing was submitted: {error}") from None
    return msgspec.Raw(written)


def _sent(session: Session, piece: Sequence[Line], done: int, of: int) -> list[str]:
    try:
        return (
            session.api.post("/jobs/batch", {"jobs": [line.raw for line in piece]}, idempotency_key=str(uuid4()))
            .read(Created)
            .ids
        )
    except SchedulerError as error:
        where = f"{done:,} of {of:,} jobs were submitted before line {piece[0].number}"
        session.output.note(
            f"{where}; lines {piece[0].number} to {piece[-1].number} went wrong, the rest were not sent"
        )
        raise _by_line(error, piece) from None


def _by_line(error: SchedulerError, piece: Sequence[Line]) -> SchedulerError:
    """``$.jobs[3].queue`` is of no use to someone who wrote lines."""
    if not isinstance(error, ApiRefused):
        return error
    faults = [(_line_of(path, piece), detail) for path, detail in error.faults]
    return ApiRefused(error.status, error.code, str(error), faults)


def _line_of(path: str, piece: Sequence[Line]) -> str:
    head, _, rest = path.removeprefix("$.jobs[").partition("]")
    if not path.startswith("$.jobs[") or not head.isdecimal() or int(head) >= len(piece):
        return path
    return f"line {piece[int(head)].number}, ${rest}"
