from __future__ import annotations

import asyncio
import io
import logging
import random
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import joblog, logs
from chalicelib.attempt import Attempt
from chalicelib.executor import Executor
from chalicelib.handlers.registry import JobContext, Registry, job
from chalicelib.joblog import JobLog, LogEntry
from tests.capturing import capturing
from tests.samples import an_attempt

here = logging.getLogger("somewhere.else")


@pytest.fixture(autouse=True)
def captured() -> Iterator[None]:
    with capturing():
        yield


@pytest.fixture
def registry() -> Registry:
    return Registry()


def run(registry: Registry) -> Attempt:
    attempt = an_attempt()
    attempt.outcome = Executor(registry, random.Random(1)).run(attempt)
    return attempt


def messages(attempt: Attempt) -> list[str]:
    return [] if attempt.lines is None else [entry.message for _, entry in attempt.lines.pending()]


def entry(message: str) -> LogEntry:
    return LogEntry(0.0, "INFO", "a", message)


def test_lines_of_any_logger_are_kept_and_only_while_the_handler_runs(registry: Registry) -> None:
    @job("echo", into=registry)
    def handler(payload: Any, context: JobContext) -> None:
        context.log.info("by the context")
        here.warning("by %s", "another logger")
        raise ValueError

    logging.getLogger().warning("before")
    attempt = run(registry)  # the executor says "attempt failed"
    logging.getLogger().warning("after")

    assert attempt.lines is not None
    assert [(number, each.level, each.logger, each.message) for number, each in attempt.lines.pending()] == [
        (1, "INFO", "chalicelib.handlers", "by the context"),
        (2, "WARNING", "somewhere.else", "by another logger"),
    ]


def test_handlers_on_one_event_loop_keep_their_lines_apart(registry: Registry) -> None:
    @job("echo", into=registry)
    async def handler(payload: Any, context: JobContext) -> None:
        for step in range(3):
            await asyncio.create_task(say(f"{context.attempt} {step}"))

    async def say(what: str) -> None:
        await asyncio.sleep(0)
        here.info(what)

    async def both() -> None:
        executor = Executor(registry, random.Random(1))
        await asyncio.gather(*map(executor.run_async, attempts))

    attempts = [an_attempt(attempt=1), an_attempt(attempt=2)]
    asyncio.run(both())

    assert [messages(attempt) for attempt in attempts] == [["1 0", "1 1", "1 2"], ["2 0", "2 1", "2 2"]]


def test_what_the_engine_says_of_a_coroutine_that_failed_is_not_its_own(registry: Registry) -> None:
    @job("echo", into=registry)
    async def handler(payload: Any, context: JobContext) -> None:
        here.info("its own")
        raise ValueError

    attempt = an_attempt()
    asyncio.run(Executor(registry, random.Random(1)).run_async(attempt))

    assert messages(attempt) == ["its own"]


def test_an_attempt_that_logs_nothing_has_no_log(registry: Registry) -> None:
    @job("echo", into=registry)
    def handler(payload: Any, context: JobContext) -> None:
        here.debug("below the level")

    assert run(registry).lines is None


def test_a_line_brings_its_traceback_and_its_stack(registry: Registry) -> None:
    @job("echo", into=registry)
    def handler(payload: Any, context: JobContext) -> None:
        try:
            int("boom")
        except ValueError:
            here.exception("it went wrong")
        here.info("here I am", stack_info=True)

    failed, stack = messages(run(registry))

    assert failed.startswith("it went wrong\nTraceback")
    assert failed.endswith("'boom'")
    assert "in handler" in stack


def test_any_line_can_be_stored(registry: Registry) -> None:
    @job("echo", into=registry)
    def handler(payload: Any, context: JobContext) -> None:
        logging.getLogger("l\x00" + "x" * 1_000).info("a\x00b\ud800")

    attempt = run(registry)

    assert attempt.lines is not None
    ((_, line),) = attempt.lines.pending()
    assert line.message == "a\ufffdb?"
    assert line.logger == "l\ufffd" + "x" * 198


def test_a_line_that_cannot_be_made_fails_no_job(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    @job("echo", into=registry)
    def handler(payload: Any, context: JobContext) -> str:
        here.info("%d", "none")
        here.info("and on")
        return "done"

    complaints = io.StringIO()
    monkeypatch.setattr(sys, "stderr", complaints)
    monkeypatch.setattr(logging.getLogger(), "handlers", [joblog.Capture()])

    attempt = run(registry)

    assert "Completed" in repr(attempt.outcome)
    assert messages(attempt) == ["and on"]
    assert "Logging error" in complaints.getvalue()


def test_lines_over_the_limit_are_counted() -> None:
    log = JobLog()
    for number in range(1_234):
        log.add(entry(str(number)))
    log.close()
    log.close()

    lines = log.pending()

    assert [number for number, _ in lines] == [*range(1, 1_002)]
    assert lines[999][1].message == "999"
    assert lines[1000][1].message == "234 more lines were left out"


def test_bytes_over_the_limit_are_counted_and_shorter_lines_still_fit() -> None:
    log = JobLog()
    for message in ("ü" * 499_000, "ü" * 1_001, "short"):
        log.add(entry(message))
    log.close()

    assert [each.message[:5] for _, each in log.pending()] == ["üüüüü", "short", "1 mor"]


def test_a_log_within_its_limits_ends_with_its_own_last_line() -> None:
    log = JobLog()
    log.add(entry("a"))
    log.close()
    log.add(entry("too late"))

    assert [each.message for _, each in log.pending()] == ["a"]


def test_lines_stay_until_they_are_written() -> None:
    log = JobLog()
    for message in "abc":
        log.add(entry(message))

    log.written([1, 2])
    log.written([2])
    log.add(entry("d"))

    assert [(number, each.message) for number, each in log.pending()] == [(3, "c"), (4, "d")]


def test_lines_go_to_stdout_too(registry: Registry, capsys: pytest.CaptureFixture[str]) -> None:
    @job("echo", into=registry)
    def handler(payload: Any, context: JobContext) -> None:
        context.log.info("hello")

    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    logs.start_logging()
    attempt = run(registry)
    root.handlers[:] = handlers
    root.setLevel(level)

    assert messages(attempt) == ["hello"]
    assert '"message":"hello","job_id":"' + str(attempt.job_id) in capsys.readouterr().out
