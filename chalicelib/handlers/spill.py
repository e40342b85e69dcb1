"""Numbers kept on disk, so that a column of any length fits in memory.

Everything of one summary goes into one unnamed temporary file, which is read back through a memory map.
"""

from __future__ import annotations

import errno
import mmap
import tempfile
from array import array
from collections.abc import Sequence
from io import FileIO
from types import TracebackType
from typing import TypeAlias

import msgspec

from chalicelib.errors import GiveUp

NUMBER_BYTES = 8
FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


Numbers: TypeAlias = "array[int] | array[float]"


class Stretch(msgspec.Struct, frozen=True):
    """Where numbers lie in the file. start: bytes; typecode: as in ``array``, "q" or "d", both 8 bytes wide."""

    start: int
    count: int
    typecode: str


class Spill:
    """A temporary file of numbers. Gone when closed, or when the process dies."""

    def __init__(self) -> None:
        self._file: FileIO = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - closed by __exit__
        self._size = 0
        self._map: mmap.mmap | None = None

    def __enter__(self) -> Spill:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._map = None
        self._file.close()

    def write(self, numbers: Numbers) -> Stretch:
        """Raises GiveUp when the disk is full."""
        stretch = Stretch(self._size, len(numbers), numbers.typecode)
        self._put(stretch, numbers)
        self._size += NUMBER_BYTES * len(numbers)
        return stretch

    def sort(self, stretch: Stretch) -> None:
        """In place."""
        self._put(stretch, array(stretch.typecode, sorted(self.read(stretch))))

    def read(self, stretch: Stretch) -> Sequence[float]:
        """Integers if that is what was written."""
        return self._bytes(stretch).cast("d") if stretch.typecode == "d" else self.read_integers(stretch)

    def read_integers(self, stretch: Stretch) -> Sequence[int]:
        return self._bytes(stretch).cast("q")

    def release(self) -> None:
        """Let go of the pages that were read: they would count as ours until the end."""
        if self._map is not None and hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)

    def _bytes(self, stretch: Stretch) -> memoryview:
        if self._map is None or len(self._map) < self._size:
            self._map = mmap.mmap(self._file.fileno(), self._size, access=mmap.ACCESS_READ)
        return memoryview(self._map)[stretch.start : stretch.start + NUMBER_BYTES * stretch.count]

    def _put(self, stretch: Stretch, numbers: Numbers) -> None:
        self._file.seek(stretch.start)
        left = memoryview(numbers).cast("B")
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as fault:
            if fault.errno in FULL:
                raise GiveUp(
                    f"the temporary directory is full: {self._size:,} bytes of it hold this file's values"
                ) from None
            raise
