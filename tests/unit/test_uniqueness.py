from __future__ import annotations

from typing import Any

import msgspec
import pytest
from uuid_utils.compat import uuid7

from chalicelib.decoding import canonical
from chalicelib.jobs import JobStatus
from chalicelib.store.holders import Holder
from chalicelib.uniqueness import OnConflict, Term, Unique, Uniqueness, uniqueness


def of(payload: bytes = b"{}", job_type: str = "echo", queue: str = "default", **asked: Any) -> Uniqueness:
    return uniqueness(msgspec.convert(asked, Unique), job_type, queue, canonical(payload))


def a_holder(status: JobStatus, term: Term, *, is_over: bool = False) -> Holder:
    return Holder(uuid7(), "echo", status, term, is_over)


@pytest.mark.parametrize(
    ("payload", "is_same"),
    [
        (b'{"b":[1,2],"a":1.10}', True),
        (b' { "a" : 1.1 , "b" : [ 1, 2 ] } ', True),
        (b'{"a":11e-1,"b":[1,2]}', True),
        (b'{"a":1.1,"b":[2,1]}', False),
        (b'{"a":1.1,"b":[1,2.0]}', False),
        (b'{"a":"1.1","b":[1,2]}', False),
        (b'{"a":1.1,"b":[1,2],"c":null}', False),
    ],
)
def test_without_a_key_what_the_payload_says_counts(payload: bytes, is_same: bool) -> None:
    assert (of(payload).key == of(b'{"a":1.1,"b":[1,2]}').key) is is_same


def test_without_a_key_job_type_and_queue_count_too() -> None:
    keys = {of().key, of(job_type="sleep").key, of(queue="mail").key, of(job_type="mail", queue="echo").key}

    assert len(keys) == 4


def test_a_key_counts_alone() -> None:
    assert of(b"1", "echo", "a", key="k").key == of(b"2", "sleep", "b", key="k").key
    assert of(key="k").key != of(key="K").key
    assert len(of(key="k").key) == 32


def test_no_key_is_spelled_like_another_jobs_own() -> None:
    assert of(b'"c"', "a", "b").key not in {of(key="abc").key, of(key='["job","a","b","c"]').key}


@pytest.mark.parametrize(
    ("asked", "term", "seconds"),
    [
        ({}, Term.UNFINISHED, 0.0),
        ({"for": "unfinished"}, Term.UNFINISHED, 0.0),
        ({"for": "queued"}, Term.QUEUED, 0.0),
        ({"for": 60}, Term.TIME, 60.0),
        ({"for": 1.5}, Term.TIME, 1.5),
    ],
)
def test_a_term_is_a_word_or_a_time(asked: dict[str, Any], term: Term, seconds: float) -> None:
    said = of(**asked)

    assert (said.term, said.seconds, said.on_conflict) == (term, seconds, OnConflict.RETURN)


def test_a_job_holds_its_key_as_long_as_its_term_says() -> None:
    held = {term: {status for status in JobStatus if a_holder(status, term).holds} for term in Term}

    assert held[Term.QUEUED] == {"BLOCKED", "QUEUED"}
    assert held[Term.UNFINISHED] == {"BLOCKED", "QUEUED", "RUNNING"}
    assert held[Term.TIME] == {*JobStatus}
    assert not any(a_holder(status, Term.TIME, is_over=True).holds for status in JobStatus)


@pytest.mark.parametrize("how", OnConflict)
def test_only_what_waits_is_changed(how: OnConflict) -> None:
    stays = {status for status in JobStatus if a_holder(status, Term.TIME).why_it_stays("echo", how)}

    assert stays == (set() if how is OnConflict.RETURN else {*JobStatus} - {"BLOCKED", "QUEUED"})


def test_a_payload_is_not_given_to_another_type_of_job() -> None:
    refused = {how for how in OnConflict if a_holder(JobStatus.QUEUED, Term.QUEUED).why_it_stays("sleep", how)}

    assert refused == {OnConflict.REPLACE_PAYLOAD, OnConflict.REPLACE}
