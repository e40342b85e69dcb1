"""JSON from clients, read strictly: what two readers could understand in two ways is refused."""

from __future__ import annotations

import json
from typing import Any, TypeVar

import msgspec

from chalicelib.choices import choices_at
from chalicelib.errors import InvalidInput, MalformedJson
from chalicelib.patterns import in_words

T = TypeVar("T")


def decoded(raw: bytes | msgspec.Raw, shape: Any) -> Any:
    """shape: a type, or a union of them. Raises MalformedJson or InvalidInput."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        raise _invalid(error, shape) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise MalformedJson(str(error)) from None


def converted(values: dict[str, str], shape: type[T]) -> T:
    """Texts from a query or from headers, as what they stand for. Raises InvalidInput, for unknown names too."""
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise _invalid(error, shape, root="") from None


def canonical(encoded: bytes) -> bytes:
    """The same for all that say the same: spaces and the order of names do not matter, 1 and 1.0 are two values.

    What cannot be read stays as it is: whoever checks it says why.
    """
    try:
        return msgspec.json.encode(msgspec.json.decode(encoded), order="sorted")
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return encoded


def refuse_repeated_names(raw: bytes) -> None:
    """One object must not have two members of one name. Raises InvalidInput, or MalformedJson for what is nested too deep.

    msgspec keeps the last one, others the first: a payload that was checked by one would mean something else to another.
    """
    try:
        json.loads(raw, object_pairs_hook=_once, parse_int=_ignored, parse_float=_ignored)
    except RecursionError:
        raise MalformedJson("nested too deep") from None
    except ValueError:
        return  # no JSON at all: whoever decodes it says so


def _once(members: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in members:
        if name in seen:
            raise InvalidInput(f"the name {name[:100]!r} stands twice in one object")
        seen.add(name)


def _ignored(number: str) -> None:
    """Python refuses to read integers of more than 4,300 digits."""


def _invalid(error: msgspec.ValidationError, shape: Any, root: str = "$") -> InvalidInput:
    reason, _, path = str(error).partition(" - at `$")
    path = path.rstrip("`")
    if reason.startswith("Invalid enum value") and (choices := choices_at(shape, path)):
        reason += f": expected one of {', '.join(choices)}"
    return InvalidInput(in_words(reason), (root + path).lstrip("." if not root else "") or "query")
