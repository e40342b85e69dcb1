"""Checks that the emulator still has the inner parts this launcher builds on."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType


class UnknownEmulator(Exception):
    """The emulator's inside is not the one this launcher was written for."""

    def __init__(self, module: ModuleType, missing: list[str]) -> None:
        super().__init__(f"{module.__name__} has no {', '.join(missing)}: is this the pinned version of ministack?")


def require(module: ModuleType, names: Iterable[str]) -> None:
    """Raises UnknownEmulator."""
    missing = [name for name in names if not hasattr(module, name)]
    if missing:
        raise UnknownEmulator(module, missing)
