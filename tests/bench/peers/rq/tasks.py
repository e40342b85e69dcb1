"""What RQ's workers import."""

from __future__ import annotations

import stamps


def noop(number: int, note: str) -> int:
    return stamps.noop(number)
