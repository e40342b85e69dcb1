"""What an HTTP status means for a job: whether another attempt may help."""

from __future__ import annotations

PASSING = {408, 425, 429}  # of the 4xx: too slow, too early, too many; the same request may succeed later


class UnexpectedStatus(Exception):
    """The server answered, but not with what was asked for."""


def is_final(status: int) -> bool:
    """Whether asking again is no use."""
    return 400 <= status < 500 and status not in PASSING
