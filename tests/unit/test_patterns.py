from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import pytest

from chalicelib.decoding import decoded
from chalicelib.errors import InvalidInput
from chalicelib.forms import KeyForm, ListQuery, LogsQuery, SubmitHeaders, headers_of, query_of
from chalicelib.patterns import in_words
from chalicelib.schedule_forms import NamedDefinition, PauseNote
from chalicelib.submissions import Submission


class Inner(msgspec.Struct):
    kind: Literal["x", "y"]


class Nested(msgspec.Struct):
    in_order: list[Inner] = []
    by_name: dict[str, Inner] = {}


NAME = "expected letters, digits and _ . : - , beginning with a letter or digit"
PRINTABLE = "expected text without control characters"


@pytest.mark.parametrize(
    ("fields", "path", "detail"),
    [
        ({"job_type": "a b"}, "$.job_type", NAME),
        ({"job_type": "a", "queue": "-a"}, "$.queue", NAME),
        ({"job_type": "a", "queue": "a\n"}, "$.queue", NAME),
        ({"job_type": "a", "tags": ["a", "b\tc"]}, "$.tags[1]", PRINTABLE),
        ({"job_type": "a", "concurrency_key": "\x1f"}, "$.concurrency_key", PRINTABLE),
    ],
)
def test_a_text_that_is_not_taken_is_refused_in_words(fields: object, path: str, detail: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decoded(msgspec.json.encode(fields), Submission)

    assert refused.value.faults == [(path, detail)]


def test_so_are_headers_queries_and_keys() -> None:
    def fault(read: Any, *arguments: Any) -> tuple[str, str]:
        with pytest.raises(InvalidInput) as refused:
            read(*arguments)
        return refused.value.path, refused.value.detail

    assert fault(headers_of, {"Idempotency-Key": "a b"}, SubmitHeaders)[1] == (
        "expected visible ASCII characters, and no spaces"
    )
    assert fault(query_of, {"cursor": ["x"]}, LogsQuery)[1] == "expected a cursor as the answer before gave it"
    assert fault(query_of, {"id": ["xyz"]}, ListQuery) == (
        "id",
        "expected the first digits of an id: 1 to 32 hexadecimal ones, with or without dashes",
    )
    assert fault(query_of, {"include": ["a"]}, ListQuery)[1] == (
        "expected some of these, with commas between: payload, result"
    )
    assert fault(query_of, {"fields": ["a"]}, ListQuery)[1].startswith(
        "expected some of these, with commas between: id, job_type, payload, "
    )
    assert fault(decoded, b'{"name":"a\\u0000b","role":"viewer"}', KeyForm) == ("$.name", PRINTABLE)


def test_so_is_a_note_of_a_pause() -> None:
    with pytest.raises(InvalidInput) as refused:
        decoded(b'{"note":"a\\u0000"}', PauseNote)

    assert refused.value.faults == [("$.note", "expected text without NUL characters")]
    decoded(b'{"note":"a\\nb"}', PauseNote)


SCHEDULE = {"name": "a", "cron": "@daily", "job": {"job_type": "echo"}}


@pytest.mark.parametrize(
    ("fields", "shape", "path", "detail"),
    [
        (
            {**SCHEDULE, "misfire": "ever"},
            NamedDefinition,
            "$.misfire",
            "Invalid enum value 'ever': expected one of skip, run_once, run_all",
        ),
        (
            {**SCHEDULE, "job": {"job_type": "a", "unique": {"for": 1, "on_conflict": "x"}}},
            NamedDefinition,
            "$.job.unique.on_conflict",
            "Invalid enum value 'x': expected one of return, replace_payload, replace_run_at, replace",
        ),
        (
            {"job_type": "a", "unique": {"for": "ever"}},
            Submission,
            "$.unique.for",
            "Invalid enum value 'ever': expected one of queued, unfinished",
        ),
        ({"in_order": [{"kind": "z"}]}, Nested, "$.in_order[0].kind", "Invalid enum value 'z': expected one of x, y"),
        (
            {"by_name": {"k": {"kind": "z"}}},
            Nested,
            "$.by_name[...].kind",
            "Invalid enum value 'z': expected one of x, y",
        ),
    ],
)
def test_a_word_that_is_none_of_some_is_refused_with_those(fields: object, shape: Any, path: str, detail: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        decoded(msgspec.json.encode(fields), shape)

    assert refused.value.faults == [(path, detail)]


def test_so_is_one_in_a_query() -> None:
    with pytest.raises(InvalidInput) as refused:
        query_of({"status": ["DONE"]}, ListQuery)

    assert refused.value.path == "status"
    assert refused.value.detail.startswith("Invalid enum value 'DONE': expected one of ")
    assert "SCHEDULED" in refused.value.detail


@pytest.mark.parametrize("said", ["1", "2026-11-25", "2026-11-25 soon"])
def test_so_is_what_is_no_moment(said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        query_of({"created_after": [said]}, ListQuery)

    assert (refused.value.path, refused.value.detail) == (
        "created_after",
        "expected a date and time, as in 2026-11-25T09:30:00Z",
    )


def test_another_pattern_and_another_reason_stay() -> None:
    with pytest.raises(msgspec.ValidationError) as other:
        msgspec.convert("b", Annotated[str, msgspec.Meta(pattern="^a")])

    assert in_words(str(other.value)) == "Expected `str` matching regex '^a'"
    assert in_words("Expected `str` of length >= 1") == "Expected `str` of length >= 1"
