from __future__ import annotations

import csv
import gzip
import io
import random
from collections.abc import Callable, Iterable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.handlers.column_summary import summarize
from chalicelib.handlers.csv_summary import QUANTILES, CsvSummary, Summary, csv_summary
from chalicelib.handlers.lines import Lines, Rows
from chalicelib.handlers.spill import Spill
from chalicelib.handlers.table import Table
from tests.fake_context import FakeContext
from tests.local_http import LocalServer, answer
from tests.pandas_oracle import assert_as_pandas

WORDS = [
    "x",
    "Zoë",
    "naïve",
    "日本語",
    "😀",
    "a,b",
    'say "hi"',
    "two\nlines",
    "two\r\nlines",
    " padded ",
    "#",
    "0x1f",
    "1_000",
    "١٢",
]


def table(
    columns: Sequence[Callable[[random.Random], object]], rows: int = 400, end: str = "\n", delimiter: str = ","
) -> bytes:
    """One column a function, named c0, c1 and so on."""
    rng = random.Random(rows)
    lines: Iterable[Sequence[object]] = ([make(rng) for make in columns] for _ in range(rows))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, delimiter=delimiter)
    writer.writerow([f"c{number}" for number in range(len(columns))])
    writer.writerows(lines)
    return text.getvalue().encode()


def integer(rng: random.Random) -> object:
    return rng.randint(-1000, 1000)


def big(rng: random.Random) -> object:
    return rng.choice([1, -1]) * (2**53 + rng.randint(-50, 50))


def huge(rng: random.Random) -> object:
    return 2**63 + rng.randint(0, 50)


def number(rng: random.Random) -> object:
    return rng.gauss(0, 1e6)


def scientific(rng: random.Random) -> object:
    return f"{rng.random():.{rng.randint(1, 17)}E}"


def rounded(rng: random.Random) -> object:
    return f"{rng.random():.1f}"


def infinite(rng: random.Random) -> object:
    return rng.choice(["inf", "-inf", "Infinity", "1", "2.5", "nan"])


def zero(rng: random.Random) -> object:
    return rng.choice(["-0.0", "0.0", "-0", "0", "1"])


def word(rng: random.Random) -> object:
    return rng.choice(WORDS)


def any_text(rng: random.Random) -> object:
    return f"{rng.choice(WORDS)} {rng.random()}"


def boolean(rng: random.Random) -> object:
    return rng.choice(["True", "False", "true", "FALSE"])


def day(rng: random.Random) -> object:
    return f"2026-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}"


def moment(rng: random.Random) -> object:
    return f"{day(rng)}T{rng.randint(0, 23):02}:00:00Z"


def mixed(rng: random.Random) -> object:
    return rng.choice([integer, number, word, boolean, day])(rng)


def nothing(rng: random.Random) -> object:
    return rng.choice(["", "NA", "null", "NaN", "#N/A"])


def sparse(make: Callable[[random.Random], object]) -> Callable[[random.Random], object]:
    return lambda rng: nothing(rng) if rng.random() < 0.3 else make(rng)


def shuffled_lines(data: bytes) -> bytes:
    """Blank and short lines here and there."""
    rng = random.Random(1)
    head, *lines = data.decode().splitlines(keepends=True)
    return "".join([head, *(rng.choice([line, line, "\n", f"{rng.randint(0, 9)}\n"]) for line in lines)]).encode()


FILES = {
    "integers": table([integer, sparse(integer), big, huge]),
    "numbers": table([number, sparse(number), scientific, rounded, sparse(rounded)]),
    "integers and numbers": table(
        [lambda rng: rng.choice([integer, number])(rng), lambda rng: rng.choice([big, big, big, rounded])(rng)]
    ),
    "zeros and infinity": table([zero, infinite]),
    "quoting": table([word, any_text, sparse(word)]),
    "crlf": table([word, integer, sparse(any_text)], end="\r\n"),
    "cr": table([integer, lambda rng: rng.choice("abc"), sparse(number)], end="\r"),
    "semicolons": table([word, number, sparse(integer)], delimiter=";"),
    "byte order mark": b"\xef\xbb\xbf" + table([integer, word]),
    "booleans and dates": table([boolean, sparse(boolean), day, sparse(day), moment]),
    "missing": table([nothing, sparse(nothing), integer]),
    "mixed": table([mixed, sparse(mixed)]),
    "numbers until the last row": table([integer, number, day], rows=999) + b"x,y,z\n",
    "blank and short lines": shuffled_lines(table([integer, number, lambda rng: rng.choice("abc")])),
    "one column": table([sparse(integer)]),
    "one row": table([integer, word, number], rows=1),
    "no rows": table([integer, word], rows=0),
    "no line end at the end": table([integer, number]).rstrip(b"\n"),
    "repeated names": b"a,a,,a.1,\n1,2,3,4,5\n1,,3,x,5\n",
    "skewed": table([lambda rng: int(rng.paretovariate(0.5)) % 10**9, lambda rng: rng.paretovariate(1)], rows=5000),
    "many rows": table([integer, number, sparse(rounded), any_text, sparse(word), day], rows=20_000),
}


def summary_of(data: bytes, most_held: int, delimiter: str = ",", chunk: int = 1000) -> Summary:
    """In small chunks, with buffers of this size."""
    chunks = (data[at : at + chunk] for at in range(0, len(data), chunk))
    with Spill() as spill:
        table = Table(Rows(Lines(chunks, "utf-8"), delimiter), spill, most_held=most_held)
        list(table.fill())
        columns = [summarize(column, QUANTILES) for column in table.columns]
    return Summary(rows=table.rows, malformed_rows=table.malformed_rows, bytes=len(data), columns=columns)


@pytest.mark.parametrize("most_held", [3, 100, 8000])
@pytest.mark.parametrize("name", FILES)
def test_figures_equal_pandas(name: str, most_held: int) -> None:
    delimiter = ";" if name == "semicolons" else ","

    summary = summary_of(FILES[name], most_held, delimiter)

    assert_as_pandas(summary, FILES[name], sep=delimiter)


@pytest.mark.parametrize("body", [FILES["many rows"], gzip.compress(FILES["many rows"])], ids=["plain", "gzip"])
def test_figures_of_a_file_on_the_web_equal_pandas(body: bytes) -> None:
    with LocalServer({"/file.csv": answer(body)}) as server:
        summary = csv_summary(CsvSummary(url=server.url("/file.csv")), FakeContext())

    assert_as_pandas(summary, FILES["many rows"])


def test_ranges_on_disk_are_cut_so_that_figures_equal_pandas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.handlers.runs.RANGE_VALUES", 500)

    summary = summary_of(FILES["many rows"], 64)

    assert_as_pandas(summary, FILES["many rows"])


def test_long_rows_are_left_out_as_pandas_does() -> None:
    data = b"a,b\n1,2\n3,4,5\n6,7\n"

    summary = summary_of(data, 100)

    assert summary.malformed_rows == 1
    assert_as_pandas(summary, data, on_bad_lines="skip")


CELLS = st.one_of(
    st.integers(-(2**53), 2**53).map(str),
    st.floats(-1e300, 1e300).map(repr),
    st.sampled_from(
        ["", "NA", "True", "false", "2026-01-31", "1e3", "-0.0", "007", "+5", "x", "é", '"', "\n", "a\r\nb", ","]
    ),
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=5).filter(
        lambda text: not text.isspace()
    ),
)
COLUMNS = st.one_of(
    st.lists(CELLS, min_size=8, max_size=8),
    *(
        st.lists(st.one_of(st.just(""), cells), min_size=8, max_size=8)
        for cells in (
            st.integers(-99, 99).map(str),
            st.floats(-1e9, 1e9).map(repr),
            st.booleans().map(str),
            st.dates().map(str),
        )
    ),
)


@settings(max_examples=150, deadline=None)
@given(
    columns=st.lists(COLUMNS, min_size=2, max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
    quotes_all=st.booleans(),
    most_held=st.integers(1, 8),
    chunk=st.integers(1, 50),
)
def test_figures_of_any_small_table_equal_pandas(
    columns: list[list[str]], end: str, quotes_all: bool, most_held: int, chunk: int
) -> None:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=end, quoting=csv.QUOTE_ALL if quotes_all else csv.QUOTE_MINIMAL)
    writer.writerows([[f"c{number}" for number in range(len(columns))], *zip(*columns, strict=True)])
    data = text.getvalue().encode()

    summary = summary_of(data, most_held, chunk=chunk)

    assert_as_pandas(summary, data)
