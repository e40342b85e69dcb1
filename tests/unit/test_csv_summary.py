from __future__ import annotations

import gzip
import os
from array import array
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import boto3
import msgspec
import pytest
from moto import mock_aws

from chalicelib.errors import AttemptStopped, GiveUp, InvalidPayload
from chalicelib.handlers import registry
from chalicelib.handlers.column_summary import ColumnSummary, summarize
from chalicelib.handlers.column_types import ColumnType
from chalicelib.handlers.csv_summary import CsvSummary, Summary, csv_summary
from chalicelib.handlers.lines import Lines, Rows
from chalicelib.handlers.outbound import Unreachable
from chalicelib.handlers.runs import Runs
from chalicelib.handlers.spill import Spill
from chalicelib.handlers.statuses import UnexpectedStatus
from chalicelib.handlers.table import Table, unique_names
from tests.fake_context import FakeContext, a_settings
from tests.local_http import LocalServer, answer, raw, redirect


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({}) as server:
        yield server


def decoded(**payload: Any) -> CsvSummary:
    decoded: CsvSummary = registry.get("csv_summary").decode(msgspec.json.encode(payload))
    return decoded


def run(text: str | None = None, **payload: Any) -> Summary:
    given = payload if text is None else {"text": text, **payload}
    return csv_summary(decoded(**given), FakeContext())


def serve(server: LocalServer, body: bytes, **payload: Any) -> Summary:
    server.answers["/file"] = answer(body)
    return run(url=server.url("/file"), **payload)


def only(summary: Summary) -> ColumnSummary:
    (column,) = summary.columns
    return column


def one_column(*words: str) -> ColumnSummary:
    return only(run("a\n" + "".join(f'"{word}"\n' for word in words)))


def test_a_table_is_summarized() -> None:
    assert run("n,word\n1,x\n2,\n4,y\n") == Summary(
        rows=3,
        malformed_rows=0,
        bytes=18,
        columns=[
            ColumnSummary(
                name="n",
                type=ColumnType.INTEGER,
                count=3,
                missing=0,
                distinct=3,
                min=1,
                max=4,
                mean=7 / 3,
                quantiles={"0.01": 1.02, "0.05": 1.1, "0.25": 1.5, "0.5": 2, "0.75": 3, "0.95": 3.8, "0.99": 3.96},
            ),
            ColumnSummary(
                name="word",
                type=ColumnType.TEXT,
                count=2,
                missing=1,
                distinct=2,
                min="x",
                max="y",
                min_length=1,
                max_length=1,
            ),
        ],
    )


@pytest.mark.parametrize(
    ("words", "type_"),
    [
        (["1", "-2", "+3", "007", " 4 "], "integer"),
        (["9223372036854775808", "-9223372036854775809"], "integer"),
        (["1", "2.5"], "number"),
        (["1e3", ".5", "5.", "-inf", "Infinity"], "number"),
        (["9" * 400], "number"),
        (["True", "FALSE", "true"], "boolean"),
        (["2026-02-28", "2024-02-29"], "date"),
        (["2026-02-28", "2026-02-28 10:00"], "datetime"),
        (["2026-02-28T10:00:00Z", "2026-02-28T10:00:00.123+01:00"], "datetime"),
        (["2026-02-29"], "text"),
        (["2026-1-1"], "text"),
        (["1", "true"], "text"),
        (["1", "x"], "text"),
        (["1", "2026-02-28"], "text"),
        (["1_000"], "text"),
        (["١"], "text"),
        (["NAN", "1.5"], "text"),
        (["0x1f"], "text"),
        (["NA", "", "null", "None", "nan"], "empty"),
    ],
)
def test_a_column_has_the_narrowest_type_of_its_words(words: list[str], type_: str) -> None:
    assert one_column(*words).type == type_


def test_words_that_mean_nothing_are_missing() -> None:
    column = one_column("", "NA", "N/A", "null", "NULL", "None", "nan", "NaN", "#N/A", "<NA>", "na", "-")

    assert (column.missing, column.count) == (10, 2)


@pytest.mark.parametrize("last", ["x", "2.5", "2026-02-28", "true"])
@pytest.mark.parametrize("most_held", [1, 2, 1000])
def test_words_from_before_a_change_of_type_still_count(last: str, most_held: int) -> None:
    words = ["10", "9", "010", "9", last]

    column = summary_of("a\n" + "\n".join(words) + "\n", most_held)

    if last == "2.5":
        assert (column.type, column.min, column.max, column.distinct, column.mean) == ("number", 2.5, 10, 3, 8.1)
    else:
        assert (column.type, column.min, column.max, column.distinct) == ("text", min(words), max(words), 4)
        assert (column.mean, column.quantiles) == (None, None)
    assert column.count == 5


def summary_of(text: str, most_held: int) -> ColumnSummary:
    """Of the first column, with a small buffer, so that everything goes to disk."""
    with Spill() as spill:
        table = Table(Rows(Lines([text.encode()], "utf-8"), ","), spill, most_held=most_held)
        list(table.fill())
        return summarize(table.columns[0], [0.5])


def test_big_integers_stay_exact() -> None:
    column = one_column("9007199254740993", "9007199254740992", "-9223372036854775808")

    assert (column.distinct, column.max, column.min) == (3, 9007199254740993, -9223372036854775808)


def test_integers_beyond_64_bits_are_told_apart() -> None:
    assert one_column("18446744073709551617", "18446744073709551618", "1").distinct == 3
    assert one_column("18446744073709551617", "1", "1.0", "2.5").distinct == 3


def test_equal_numbers_in_different_spelling_are_one() -> None:
    assert one_column("1", "1.0", "01", "1e0", "-0.0", "0").distinct == 2


def test_what_json_cannot_say_is_a_word() -> None:
    column = one_column("inf", "-inf", "1.5")

    assert (column.min, column.max, column.mean) == ("-inf", "inf", "nan")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_lines_end_in_any_of_three_ways(end: str) -> None:
    summary = run(end.join(["a,b", "1,x", "2,y"]))

    assert (summary.rows, summary.columns[0].max, summary.columns[1].max) == (2, 2, "y")


def test_quotes_hold_delimiters_line_ends_and_quotes() -> None:
    column = only(run('a\n"x,\r\ny ""z"""\n'))

    assert column.max == 'x,\r\ny "z"'


@pytest.mark.parametrize("size", [1, 2, 3, 5, 1000])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
def test_chunks_may_end_anywhere(size: int, encoding: str) -> None:
    text = 'a,b\r\n1,"é\r\n€"\r\n\r\n2,"😀 ""q"""\r\n'
    data = text.encode(encoding)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]

    rows = Rows(Lines(chunks, encoding), ",")

    assert rows.first() == ["a", "b"]
    assert [row for batch in rows.batches() for row in batch] == [["1", "é\r\n€"], [], ["2", '😀 "q"']]


def test_a_byte_order_mark_is_no_part_of_the_first_name(server: LocalServer) -> None:
    assert only(serve(server, b"\xef\xbb\xbfa\n1\n")).name == "a"
    assert only(serve(server, "a\n1\n".encode("utf-16"), encoding="utf-16")).name == "a"


def test_blank_lines_are_no_rows() -> None:
    assert run("\n\na,b\n\n1,2\n  \n\n3,4\n\n").rows == 2
    assert only(run("a\n\n1\n \t\n2\n\n")).count == 2


def test_a_short_row_lacks_its_last_values() -> None:
    summary = run("a,b,c\n1\n1,2\n1,2,3\n")

    assert [column.missing for column in summary.columns] == [0, 1, 2]
    assert summary.malformed_rows == 0


def test_a_long_row_is_left_out_and_counted() -> None:
    summary = run("a,b\n1,2\n3,4,5\n6,7,\n8,9\n")

    assert (summary.rows, summary.malformed_rows) == (2, 2)
    assert [column.max for column in summary.columns] == [8, 9]


def test_names_are_made_unique() -> None:
    assert unique_names(["a", "a", "", "a.1", "", "a"]) == ["a", "a.2", "Unnamed: 2", "a.1", "Unnamed: 4", "a.3"]


def test_a_file_without_header_has_numbered_columns() -> None:
    summary = run("1;x\n2;y\n", header=False, delimiter=";")

    assert [(column.name, column.count) for column in summary.columns] == [("column_1", 2), ("column_2", 2)]


def test_a_header_alone_is_a_table_without_rows() -> None:
    summary = run("a,b")

    assert summary.rows == 0
    assert [column.type for column in summary.columns] == ["empty", "empty"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "the file is empty"),
        ("\n\r\n  \n", "the file is empty"),
        ("a\n1\0\n", "NUL bytes"),
        ('a\n"never closed\n1\n', "never closed"),
        ("a\n" + "x" * 200_000 + "\n", "line 2: field larger than field limit"),
        ("a," * 1000 + "a\n", "1,001 columns; the limit is 1,000"),
    ],
)
def test_what_is_no_csv_is_given_up(text: str, fault: str) -> None:
    with pytest.raises(GiveUp, match=fault):
        run(text)


def test_a_row_without_end_does_not_fill_memory() -> None:
    endless = (b",x" * 100_000 for _ in range(10_000))

    with pytest.raises(GiveUp, match="a row is longer than 2,097,152 characters"):
        Rows(Lines(endless, "utf-8"), ",").first()


def test_bytes_in_another_encoding_are_given_up(server: LocalServer) -> None:
    with pytest.raises(GiveUp, match="the file is not utf-8"):
        serve(server, "a\né\n".encode("latin-1"))
    assert only(serve(server, "a\né\n".encode("latin-1"), encoding="latin-1")).max == "é"


def test_gzip_is_inflated_whoever_says_so(server: LocalServer) -> None:
    body = gzip.compress(b"a\n1\n") + gzip.compress(b"2\n") + b"\0" * 8
    server.answers["/encoded"] = answer(body, content_encoding="gzip")

    assert serve(server, body).rows == 2
    assert run(url=server.url("/encoded")).rows == 2


@pytest.mark.parametrize(
    ("damage", "fault"),
    [(lambda body: body[:-9], "ends too early"), (lambda body: body[:-8] + bytes(8), "not valid gzip")],
)
def test_damaged_gzip_is_given_up(server: LocalServer, damage: Any, fault: str) -> None:
    with pytest.raises(GiveUp, match=fault):
        serve(server, damage(gzip.compress(os.urandom(100).hex().encode())))


def test_gzip_that_swells_is_stopped(server: LocalServer) -> None:
    with pytest.raises(GiveUp, match="larger than max_bytes, 1,000,000"):
        serve(server, gzip.compress(b"a\n" + b"1\n" * 5_000_000), max_bytes=1_000_000)


def test_a_file_that_says_it_is_too_large_is_not_read(server: LocalServer) -> None:
    server.answers["/file"] = server.drip(b"HTTP/1.0 200 OK\r\ncontent-length: 11\r\n\r\n", b"")

    with pytest.raises(GiveUp, match="larger than max_bytes, 10"):
        csv_summary(decoded(url=server.url("/file"), max_bytes=10), FakeContext(time_left=timedelta(seconds=1)))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_file_that_cannot_be_had_is_given_up(server: LocalServer, status: int) -> None:
    server.answers["/file"] = answer(b"a\n1\n", status)

    with pytest.raises(GiveUp, match=f"answered {status}"):
        run(url=server.url("/file"))


@pytest.mark.parametrize("status", [206, 429, 500, 503])
def test_a_file_that_may_be_had_later_is_tried_again(server: LocalServer, status: int) -> None:
    server.answers["/file"] = answer(b"a\n1\n", status)

    with pytest.raises(UnexpectedStatus, match=f"answered {status}"):
        run(url=server.url("/file"))


def test_a_file_whose_transfer_breaks_off_is_never_summarized(server: LocalServer) -> None:
    server.answers["/short"] = answer(b"a\n1\n2\n", content_length="1000")
    server.answers["/chunked"] = raw(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\na\n1\n\r\n")

    for path in ("/short", "/chunked"):
        with pytest.raises(Unreachable):
            run(url=server.url(path))


def test_redirects_to_a_file_are_followed(server: LocalServer) -> None:
    server.answers |= {"/old": redirect("/new"), "/new": answer(b"a\n1\n")}

    assert run(url=server.url("/old")).rows == 1


def test_a_private_address_is_refused_unless_the_settings_allow_it(server: LocalServer) -> None:
    outside = FakeContext(settings=a_settings(allow_private_addresses=False))

    with pytest.raises(GiveUp, match="not public"):
        csv_summary(decoded(url=server.url("/file")), outside)
    assert server.seen == []


def test_progress_follows_the_bytes(server: LocalServer) -> None:
    server.answers["/file"] = answer(b"a\n" + b"1234567\n" * 200_000)
    context = FakeContext()

    csv_summary(decoded(url=server.url("/file")), context)

    fractions = [fraction for fraction, _ in context.reports]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) >= 5
    assert context.reports[-1] == (1.0, "done")
    assert "200,000 rows" in [message for _, message in context.reports]


def test_without_a_length_progress_tells_the_rows(server: LocalServer) -> None:
    server.answers["/file"] = raw(b"HTTP/1.0 200 OK\r\n\r\na\n1\n2\n")
    context = FakeContext()

    csv_summary(decoded(url=server.url("/file")), context)

    assert context.reports[0] == (0.0, "2 rows")


def test_a_lost_lease_ends_the_work() -> None:
    context = FakeContext()
    context.lost = AttemptStopped("lease lost")

    with pytest.raises(AttemptStopped):
        csv_summary(decoded(text="a\n1\n"), context)
    assert context.reports == []


def test_a_job_whose_time_is_over_stops() -> None:
    with pytest.raises(TimeoutError, match="within the job's timeout"):
        csv_summary(decoded(text="a\n1\n"), FakeContext(time_left=-timedelta(seconds=1)))


def test_a_full_disk_is_given_up() -> None:
    with Spill() as spill, Path("/dev/full").open("r+b", buffering=0) as full:
        spill._file.close()
        spill._file = full
        table = Table(Rows(Lines([b"a\n1\n2\n"], "utf-8"), ","), spill, most_held=1)

        with pytest.raises(GiveUp, match="the temporary directory is full"):
            list(table.fill())


def test_short_runs_are_cut_into_even_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.handlers.runs.RANGE_VALUES", 1000)
    with Spill() as spill:
        runs = Runs(spill)
        for number in range(1000):
            runs.add(array("q", range(number, number + 10_000, 1000)))

        sizes = [sum(len(piece.values) for piece in pieces) for pieces in runs._ranges(exact=True)]

    assert sum(sizes) == 10_000
    assert max(sizes) < 2000


def test_long_texts_are_shortened() -> None:
    column = only(run(f"a\n{'é' * 1000}\n"))

    assert isinstance(column.max, str)
    assert column.max.endswith("…")
    assert len(msgspec.json.encode(column.max)) <= 206
    assert column.max_length == 1000


@pytest.mark.parametrize("word", ["-1.2345678901234567e-100", "9223372036854775807", "\\" * 60, "😀" * 60])
def test_the_widest_table_fits_into_a_result(word: str) -> None:
    header = ",".join(f"a long name {number:05}" * 3 for number in range(1000))
    rows = "".join(",".join([word] * 1000) + "\n" for _ in range(2))

    summary = run(f"{header}\n{rows}")

    assert len(summary.columns) == 1000
    assert len(msgspec.json.encode(summary)) <= 256 * 1024


def test_too_many_quantiles_for_the_columns_are_refused_before_the_work() -> None:
    with pytest.raises(GiveUp, match="20 quantiles of 1,000 columns do not fit"):
        run(",".join(map(str, range(1000))) + "\n", quantiles=[number / 20 for number in range(20)])


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        client = boto3.client("s3")
        client.create_bucket(Bucket="files")
        yield client
        client.close()


def test_files_are_read_from_s3(bucket: Any) -> None:
    bucket.put_object(Bucket="files", Key="a/b.csv.gz", Body=gzip.compress(b"a\n1\n2\n"))

    assert run(url="s3://files/a/b.csv.gz").rows == 2
    with pytest.raises(GiveUp, match=r"s3://files/nothing: .*NoSuchKey"):
        run(url="s3://files/nothing")


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ({}, "give either url or text"),
        ({"url": "http://x/", "text": "a"}, "give either url or text"),
        ({"url": "ftp://x/"}, "http:// or https://"),
        ({"url": "s3://bucket"}, "s3://bucket/key"),
        ({"text": "a", "delimiter": ""}, "length >= 1"),
        ({"text": "a", "delimiter": '"'}, "cannot be a quote"),
        ({"text": "a", "encoding": "rot13"}, "Invalid enum value"),
        ({"text": "a", "quantiles": [1.5]}, "<= 1.0"),
        ({"text": "a", "quantiles": [0.5] * 21}, "length <= 20"),
        ({"text": "a", "max_bytes": 0}, ">= 1"),
        ({"text": "a", "sep": ";"}, "unknown field `sep`"),
    ],
)
def test_a_payload_that_cannot_be_read_is_refused(payload: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidPayload, match=fault) as refused:
        decoded(**payload)
    assert refused.value.path.startswith("$.payload")
