"""Schedules that are declared: in code beside their handlers, and in ``chalicelib/schedules.toml``. A deploy applies them.

All or none is applied, by one at a time. What is declared no more is deleted; what was made over the API is left alone.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import msgspec

from chalicelib.decoding import decoded
from chalicelib.errors import BadDeclaration, InvalidInput, MalformedJson, TooLarge
from chalicelib.handlers.registry import Registry
from chalicelib.schedule_forms import NamedDefinition
from chalicelib.schedules import Source
from chalicelib.timetable import Change, Timetable

FILE = Path(__file__).with_name("schedules.toml")
TABLE = "schedule"  # [[schedule]], one each

Declaration = tuple[NamedDefinition, Source]


class Applied(msgspec.Struct, frozen=True):
    """What was done: by kind of change the names, and those that are gone."""

    changes: dict[Change, list[str]]
    deleted: list[str]


class Declarations:
    """Brings the declared schedules up to date."""

    def __init__(self, *, registry: Registry, timetable: Timetable, file: Path = FILE) -> None:
        """file: need not exist."""
        self._registry = registry
        self._timetable = timetable
        self._file = file

    def all(self) -> dict[str, Declaration]:
        """By name. Raises BadDeclaration."""
        found: dict[str, Declaration] = {}
        for definition, source in [*self._in_code(), *self._in_file()]:
            if definition.name in found:
                raise BadDeclaration(definition.name, "is declared twice")
            found[definition.name] = definition, source
        return found

    def apply(self) -> Applied:
        """Raises BadDeclaration, before or after anything was changed: then nothing was. Raises StoreUnavailable."""
        declared = self.all()
        changes: dict[Change, list[str]] = {}
        with self._timetable.alone() as timetable:
            for name, declaration in declared.items():
                changes.setdefault(_declare(timetable, name, *declaration), []).append(name)
            return Applied(changes, timetable.withdraw(declared))

    def _in_code(self) -> Iterator[Declaration]:
        for stray in self._registry.declared_in_vain():
            raise BadDeclaration(
                getattr(stray.run, "__name__", ""), "stands beside a function that is no handler: add @job"
            )
        for name, (job_type, declared) in self._registry.declared().items():
            job = {**_mapping(declared.content["job"]), "job_type": job_type.name}
            yield _definition(name, {**declared.content, "name": name, "job": job}), Source.CODE

    def _in_file(self) -> Iterator[Declaration]:
        for at, table in enumerate(_tables(self._file)):
            name = table.get("name")
            yield (
                _definition(name if isinstance(name, str) else f"number {at + 1} in {self._file.name}", table),
                Source.FILE,
            )


def _declare(timetable: Timetable, name: str, definition: NamedDefinition, source: Source) -> Change:
    try:
        return timetable.declare(name, definition, source)
    except (InvalidInput, TooLarge) as error:
        raise BadDeclaration(name, _reason(error)) from error


def _definition(name: str, content: dict[str, object]) -> NamedDefinition:
    """Read as the API reads it."""
    try:
        definition: NamedDefinition = decoded(msgspec.json.encode(content), NamedDefinition)
    except (InvalidInput, MalformedJson) as error:
        raise BadDeclaration(name, _reason(error)) from error
    return definition


def _tables(file: Path) -> list[dict[str, object]]:
    """Raises BadDeclaration."""
    if not file.exists():
        return []
    try:
        document = tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadDeclaration(file.name, f"is no TOML: {error}") from error
    tables = document.pop(TABLE, [])
    if document or not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise BadDeclaration(file.name, f"holds something else than tables [[{TABLE}]]")
    return tables


def _mapping(content: object) -> dict[str, object]:
    return content if isinstance(content, dict) else {}


def _reason(error: InvalidInput | MalformedJson | TooLarge) -> str:
    return f"{error.path}: {error}" if isinstance(error, InvalidInput) else str(error)
