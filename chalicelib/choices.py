"""Which words are allowed at a place of a document: msgspec says only which one is not."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import inspect

_STEP = re.compile(r"\.([^.\[\]]+)|\[")


def choices_at(shape: Any, path: str) -> list[str]:
    """path: as msgspec tells it, without its root."""
    kinds = [*_plain([inspect.type_info(shape)])]
    for step in _STEP.finditer(path):
        kinds = [*_plain(inner for kind in kinds for inner in _inside(kind, step[1]))]
    return [str(value) for kind in kinds for value in _values(kind)]


def _plain(kinds: Iterable[inspect.Type]) -> Iterator[inspect.Type]:
    """Without what is said about them, and each member of a union by itself."""
    for kind in kinds:
        match kind:
            case inspect.Metadata(inner):
                yield from _plain([inner])
            case inspect.UnionType(members):
                yield from _plain(members)
            case _:
                yield kind


def _inside(kind: inspect.Type, name: str | None) -> Iterator[inspect.Type]:
    """name: None for what a list or a dictionary holds."""
    match kind:
        case inspect.StructType(fields=fields):
            yield from (field.type for field in fields if field.encode_name == name)
        case inspect.ListType(item_type=inner) | inspect.DictType(value_type=inner) if name is None:
            yield inner


def _values(kind: inspect.Type) -> Iterable[Any]:
    match kind:
        case inspect.EnumType(cls):
            return [member.value for member in cls]
        case inspect.LiteralType(values):
            return values
    return ()
