"""Arrays in Postgres's binary form, each made with one join.

psycopg turns a list into an array element by element, in Python; for the arrays of a batch that was most of what the worker
spent on Postgres. A NULL element is None.
Source: the functions array_send and array_recv in src/backend/utils/adt/arrayfuncs.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from typing import ClassVar

import psycopg
from psycopg.abc import Buffer
from psycopg.adapt import Dumper
from psycopg.pq import Format


class Array(bytes):
    """A parameter that is encoded already."""

    element: ClassVar[int]  # the elements' type, by its fixed number in pg_type
    oid: ClassVar[int]  # the array's


class Uuids(Array):
    element, oid = 2950, 2951


class Ints(Array):
    element, oid = 23, 1007


class Floats(Array):
    element, oid = 701, 1022


class Texts(Array):
    element, oid = 25, 1009


class Byteas(Array):
    element, oid = 17, 1001


class Jsons(Array):
    element, oid = 114, 199


def uuids(values: Sequence[bytes]) -> Uuids:
    """values: 16 bytes each."""
    return Uuids(_header(Uuids, len(values)) + b"".join([_SIXTEEN + value for value in values]))


def ints(values: Sequence[int]) -> Ints:
    return Ints(_header(Ints, len(values)) + _numbers("i", 4, values))


def floats(values: Sequence[float]) -> Floats:
    return Floats(_header(Floats, len(values)) + _numbers("d", 8, values))


def maybe_ints(values: Sequence[int | None]) -> Ints:
    """All None: an empty array, which ``unnest`` fills up with NULL beside longer ones, and nobody has to send it."""
    some = [None if value is None else _INT(value) for value in values] if _any_said(values) else []
    return Ints(_header(Ints, len(some)) + _sized(some))


def maybe_floats(values: Sequence[float | None]) -> Floats:
    """As ``maybe_ints``."""
    some = [None if value is None else _FLOAT(value) for value in values] if _any_said(values) else []
    return Floats(_header(Floats, len(some)) + _sized(some))


def _any_said(values: Sequence[float | None]) -> bool:
    return values.count(None) < len(values)


def texts(values: Sequence[str | None]) -> Texts:
    return Texts(_header(Texts, len(values)) + _sized([None if value is None else value.encode() for value in values]))


def byteas(values: Sequence[bytes]) -> Byteas:
    return Byteas(_header(Byteas, len(values)) + _sized(values))


def jsons(values: Sequence[bytes | None]) -> Jsons:
    return Jsons(_header(Jsons, len(values)) + _sized(values))


def understand_arrays(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Teach a connection to send them."""
    for kind in (Uuids, Ints, Floats, Texts, Byteas, Jsons):
        connection.adapters.register_dumper(kind, type("AsIs", (_AsIs,), {"oid": kind.oid}))


class _AsIs(Dumper):
    format = Format.BINARY

    def dump(self, obj: bytes) -> Buffer:
        return obj


def _header(kind: type[Array], count: int) -> bytes:
    """Dimensions, whether there are NULLs (nobody reads it), element type, length, first index."""
    return _HEADER.pack(1, 1, kind.element, count, 1)


def _numbers(code: str, size: int, values: Sequence[float]) -> bytes:
    flat: list[float] = [size] * (2 * len(values))
    flat[1::2] = values
    return struct.pack("!" + f"i{code}" * len(values), *flat)


def _sized(values: Iterable[bytes | None]) -> bytes:
    return b"".join([_NULL if value is None else len(value).to_bytes(4, "big") + value for value in values])


_HEADER = struct.Struct("!iiIii")
_INT, _FLOAT = struct.Struct("!i").pack, struct.Struct("!d").pack
_SIXTEEN = struct.pack("!i", 16)
_NULL = struct.pack("!i", -1)
