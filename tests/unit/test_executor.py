from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from chalicelib.attempt import Attempt, StopReason
from chalicelib.errors import GiveUp, UnknownJobType
from chalicelib.executor import RESULT_BYTES, Executor
from chalicelib.handlers.registry import JobContext, Registry, job
from chalicelib.jobs import AttemptError, Completed, Failed, Outcome, Released, Retry
from tests.samples import an_attempt


class Payload(msgspec.Struct, forbid_unknown_fields=True):
    n: int


def run(handler: Callable[[Any, JobContext], Any], payload: bytes = b"null", **fields: Any) -> Outcome:
    registry = Registry()
    job("echo", into=registry)(handler)
    return Executor(registry, random.Random(1)).run(an_attempt(payload=msgspec.Raw(payload), **fields))


def error_of(outcome: Outcome) -> AttemptError:
    assert isinstance(outcome, Retry | Failed)
    return outcome.error


def test_what_a_handler_returns_is_its_result() -> None:
    def handler(payload: Payload, context: JobContext) -> Any:
        return {"n": payload.n + 1}

    assert run(handler, b'{"n": 1}') == Completed(b'{"n":2}')


@pytest.mark.parametrize(
    "raised", [ValueError("boom"), SystemExit(3), KeyboardInterrupt(), ExceptionGroup("g", [OSError()])]
)
def test_whatever_a_handler_raises_is_a_failure_of_its_attempt(raised: BaseException) -> None:
    def handler(payload: Any, context: JobContext) -> None:
        raise raised

    outcome = run(handler)

    assert isinstance(outcome, Retry)
    assert outcome.error.type == type(raised).__name__
    assert "in handler" in outcome.error.traceback


def test_the_last_failure_is_final() -> None:
    def handler(payload: Any, context: JobContext) -> None:
        raise ValueError

    assert isinstance(run(handler, failures=1, max_attempts=3), Retry)
    assert isinstance(run(handler, failures=2, max_attempts=3), Failed)


def test_giving_up_is_final() -> None:
    def handler(payload: Any, context: JobContext) -> None:
        raise GiveUp("no use")

    assert error_of(run(handler)).message == "no use"
    assert isinstance(run(handler), Failed)


@pytest.mark.parametrize("payload", [b'{"n": "1"}', b"{}", b'{"n": 1, "x": 2}'])
def test_a_payload_of_another_shape_is_not_tried_again(payload: bytes) -> None:
    def handler(payload: Payload, context: JobContext) -> None:
        raise AssertionError

    assert isinstance(run(handler, payload), Failed)


def test_a_job_type_nobody_handles_names_those_that_exist() -> None:
    outcome = run(lambda payload, context: None, job_type="other")

    assert isinstance(outcome, Failed)
    assert outcome.error.type == UnknownJobType.__name__
    assert "echo" in outcome.error.message


def test_a_result_over_the_limit_fails_the_job() -> None:
    assert isinstance(run(lambda payload, context: "x" * (RESULT_BYTES - 2)), Completed)
    assert error_of(run(lambda payload, context: "x" * (RESULT_BYTES - 1))).type == "TooLarge"


def test_a_result_that_is_not_json_is_a_failure() -> None:
    assert error_of(run(lambda payload, context: object())).type == "TypeError"


@pytest.mark.parametrize("message", ["\ud800", "a\x00b", "x" * 100_000])
def test_any_message_can_be_stored(message: str) -> None:
    def handler(payload: Any, context: JobContext) -> None:
        raise ValueError(message)

    encoded = msgspec.json.encode(error_of(run(handler)))

    assert b"\\u0000" not in encoded
    assert len(encoded) <= 17 * 1024


def test_a_handler_that_stops_because_its_lease_is_lost_has_not_failed() -> None:
    def handler(payload: Any, context: JobContext) -> None:
        assert isinstance(context, Attempt)
        context.stop(StopReason.LOST)
        context.check_cancelled()

    assert run(handler) == Released()


def test_an_error_that_cannot_be_turned_into_text_is_a_failure_like_any_other() -> None:
    class Unspeakable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def handler(payload: Any, context: JobContext) -> None:
        raise Unspeakable

    assert error_of(run(handler)).type == "Unspeakable"


def test_progress_can_be_stored_whatever_it_says() -> None:
    attempt = an_attempt()
    attempt.progress(float("nan"), "caf\udce9.csv\x00")

    news = attempt.take_news()

    assert news is not None
    assert news.fraction == 0.0
    assert news.message == "caf?.csv\ufffd"


def test_only_the_latest_progress_is_told_and_once() -> None:
    attempt = an_attempt()
    attempt.progress(0.1, "first")
    attempt.progress(7, "second")

    news = attempt.take_news()

    assert news is not None
    assert (news.fraction, news.message) == (1.0, "second")
    assert attempt.take_news() is None
