"""The file in which handlers leave when each job ran: 8 bytes of the job's number, 8 of the monotonic clock in ns."""

from __future__ import annotations

import struct
from pathlib import Path

STAMP = struct.Struct("<qq")


class Stamps:
    """Jobs are numbered through all that is asked of a peer in one round, so that nothing ever has to be cleared."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_bytes(b"")

    def count(self) -> int:
        """How many times a handler ran, by the file's size alone: cheap enough to ask often."""
        return self.file.stat().st_size // STAMP.size

    def times(self) -> dict[int, int]:
        """When each job first ran."""
        times: dict[int, int] = {}
        for number, at in STAMP.iter_unpack(self.file.read_bytes()):
            times.setdefault(number, at)
        return times
