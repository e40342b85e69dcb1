from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest

from chalicelib.decoding import decoded
from chalicelib.errors import InvalidInput
from chalicelib.forms import KeyForm, ListQuery, LogsQuery, SubmitHeaders, headers_of, query_of
from chalicelib.patterns import in_words
from chalicelib.submissions import Submission

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
    assert fault(query_of, {"include": ["a"]}, ListQuery)[1] == (
        "expected some of these, with commas between: payload, result"
    )
    assert fault(query_of, {"fields": ["a"]}, ListQuery)[1].startswith(
        "expected some of these, with commas between: id, job_type, payload, "
    )
    assert fault(decoded, b'{"name":"a\\u0000b","role":"viewer"}', KeyForm) == ("$.name", PRINTABLE)


def test_another_pattern_and_another_reason_stay() -> None:
    with pytest.raises(msgspec.ValidationError) as other:
        msgspec.convert("b", Annotated[str, msgspec.Meta(pattern="^a")])

    assert in_words(str(other.value)) == "Expected `str` matching regex '^a'"
    assert in_words("Expected `str` of length >= 1") == "Expected `str` of length >= 1"
