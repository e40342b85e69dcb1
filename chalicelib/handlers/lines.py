"""Text lines out of chunks of bytes, and rows out of lines.

Lines end in LF, CRLF or a lone CR, and keep their ends: within quotes they belong to the value.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator
from itertools import chain, islice

from chalicelib.errors import GiveUp

Row = list[str]

ROWS_AT_ONCE = 8
MOST_CHARACTERS = (
    16 * 1024 * 1024
)  # in so many rows: a file without line ends, or with a quote astray, must not fill memory
END = "\0"  # a last line that no file has: a quote that is still open takes it in


class Lines:
    """Decodes chunks. Raises GiveUp for bytes that are not text in the encoding."""

    def __init__(self, chunks: Iterable[bytes], encoding: str) -> None:
        self.chunks_begun = 0
        self.characters_without_a_row = 0
        self._chunks = chunks
        self._encoding = encoding
        self._decoder = codecs.getincrementaldecoder("utf-8-sig" if encoding == "utf-8" else encoding)()

    def __iter__(self) -> Iterator[str]:
        return chain.from_iterable(self._whole_lines())

    def _whole_lines(self) -> Iterator[Iterable[str]]:
        carried = ""
        for chunk in self._chunks:
            text = carried + self._decoded(chunk)
            end = _end_of_last_line(text)
            yield io.StringIO(text[:end], newline="")
            carried = text[end:]
        yield io.StringIO(carried + self._decoded(b"", is_last=True), newline="")
        yield [END]

    def _decoded(self, chunk: bytes, *, is_last: bool = False) -> str:
        self.chunks_begun += 1
        try:
            text = self._decoder.decode(chunk, is_last)
        except UnicodeDecodeError as fault:
            raise GiveUp(f"the file is not {self._encoding}: {fault.reason}") from None
        self._check(text)
        return text

    def _check(self, text: str) -> None:
        self.characters_without_a_row += len(text)
        if "\0" in text:
            raise GiveUp("the file contains NUL bytes: it is not CSV, or not in this encoding")
        if self.characters_without_a_row > MOST_CHARACTERS:
            raise GiveUp(
                f"a row is longer than {MOST_CHARACTERS // ROWS_AT_ONCE:,} characters, or the file has no line ends"
            )


def _end_of_last_line(text: str) -> int:
    """A CR at the very end may be half of a CRLF: it is no end yet."""
    return max(text.rfind("\n"), text.rfind("\r", 0, -1)) + 1


class Rows:
    """Parses lines, in batches of about a chunk. A blank line is no row."""

    def __init__(self, lines: Lines, delimiter: str) -> None:
        self._lines = lines
        self._reader = csv.reader(lines, delimiter=delimiter)

    def first(self) -> Row:
        """Raises GiveUp when there is none."""
        while row := self._some(1):
            if row[0] and not is_blank(row[0]):
                return row[0]
        raise GiveUp("the file is empty")

    def batches(self) -> Iterator[list[Row]]:
        while batch := self._batch():
            yield batch

    def _batch(self) -> list[Row]:
        begun = self._lines.chunks_begun
        rows: list[Row] = []
        while self._lines.chunks_begun == begun and (some := self._some(ROWS_AT_ONCE)):
            rows += some
        return rows

    def _some(self, most: int) -> list[Row]:
        self._lines.characters_without_a_row = 0
        try:
            rows = list(islice(self._reader, most))
        except csv.Error as fault:
            raise GiveUp(f"line {self._reader.line_num:,}: {fault}") from None
        return self._without_end(rows) if rows and rows[-1][-1:] else rows

    def _without_end(self, rows: list[Row]) -> list[Row]:
        if not rows[-1][-1].endswith(END):
            return rows
        if rows[-1] != [END]:
            raise GiveUp("a quoted value is never closed: the file ends within it")
        return rows[:-1]


def is_blank(row: Row) -> bool:
    """As pandas: a line of nothing, or of spaces and tabs."""
    return not row or (len(row) == 1 and row[0] != "" and not row[0].strip(" \t"))
