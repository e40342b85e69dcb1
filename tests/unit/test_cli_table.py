from __future__ import annotations

import pytest

from chalicelib.cli.output import Terminal
from chalicelib.cli.table import Column, table

COLUMNS = [Column("ID"), Column("TYPE", rank=1, least=4), Column("TRY", rank=2, right=True)]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (40, ["ID        TYPE        TRY", "job-0001  a_long_one    7"]),
        (22, ["ID        TYPE     TRY", "job-0001  a_long…    7"]),
        (18, ["ID        TYPE", "job-0001  a_long_…"]),
        (12, ["ID", "job-0001"]),
        (3, ["ID", "job-0001"]),
    ],
)
def test_texts_are_cut_first_then_columns_go_and_an_id_stays_whole(width: int, lines: list[str]) -> None:
    terminal = Terminal()
    terminal.width = width

    assert table(terminal, COLUMNS, [["job-0001", "a_long_one", 7]]).plain.splitlines() == lines
