"""A payload: from arguments, a string, a file or standard input. JSON stays as it was written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import typer

STDIN = "-"


def payload_from(words: Sequence[str], text: str | None, file: Path | None) -> msgspec.Raw:
    """One source at most; none: an empty object. Raises BadParameter."""
    if sum((bool(words), text is not None, file is not None)) > 1:
        raise typer.BadParameter("give the payload once: as key=value arguments, --payload, --file or -")
    if text is not None:
        return _json(text.encode(), "--payload")
    if file is not None:
        return _json(_content(file), str(file))
    if list(words) == [STDIN]:
        return _json(_content(Path(STDIN)), "standard input")
    return msgspec.Raw(msgspec.json.encode(_assembled(words)))


def json_option(written: str) -> msgspec.Raw:
    """For options whose value is JSON. Raises BadParameter."""
    return _json(written.encode(), "the value")


def content_of(file: Path) -> bytes:
    """``-`` is standard input. Raises BadParameter."""
    return _content(file)


def _content(file: Path) -> bytes:
    if str(file) == STDIN:
        return sys.stdin.buffer.read()
    try:
        return file.read_bytes()
    except OSError as error:
        raise typer.BadParameter(f"cannot read {file}: {error.strerror}") from None


def _json(raw: bytes, source: str) -> msgspec.Raw:
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise typer.BadParameter(f"{source} is not JSON: {error}") from None
    return msgspec.Raw(raw)


def _assembled(words: Sequence[str]) -> dict[str, Any]:
    """``a.b=1 a.c=x`` is {"a": {"b": 1, "c": "x"}}."""
    payload: dict[str, Any] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not name or not equals:
            raise typer.BadParameter(f"{word!r} is no part of a payload: expected key=value")
        _put(payload, name, _value(value))
    return payload


def _put(payload: dict[str, Any], name: str, value: object) -> None:
    *parents, last = name.split(".")
    place: Any = payload
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise typer.BadParameter(f"{name}: {parent} has a value already")
    if last in place:
        raise typer.BadParameter(f"{name} is given twice")
    place[last] = value


def _value(written: str) -> msgspec.Raw | str:
    """JSON where it is, text otherwise. Kept as written, so that no digit of a long number is lost."""
    try:
        msgspec.json.decode(written)
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return written
    return msgspec.Raw(written.encode())
