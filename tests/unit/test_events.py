from __future__ import annotations

from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.events import (
    FRAME_BYTES,
    LINE_BYTES,
    ClientMessage,
    Event,
    LogNews,
    Ping,
    Subscription,
    batch_frame,
    fitting,
    log_frames,
    log_hint,
    single_frame,
)
from chalicelib.jobs import JobStatus
from chalicelib.submissions import MOST_DEPENDENCIES
from chalicelib.views import INLINE_BYTES, LogLineView
from tests.unit.test_jobs import a_row


def test_a_frame_of_the_largest_job_fits() -> None:
    largest = msgspec.Raw(msgspec.json.encode("x" * (INLINE_BYTES - 2)))
    job = a_row(
        status=JobStatus.COMPLETED,
        payload=largest,
        result=largest,
        error="\x01" * 2_000,
        tags=["é" * 41] * 50,
        progress=msgspec.Raw(msgspec.json.encode({"fraction": 1, "message": "\x01" * 500})),
        worker_id="h" * 255,
        queue="q" * 100,
        job_type="t" * 100,
        depends_on=[UUID(int=n) for n in range(MOST_DEPENDENCIES)],
    )

    frames = [single_frame(Event.of(job)), batch_frame([Event.of(job)], "1-1")]

    assert all(len(frame) <= FRAME_BYTES for frame in frames)
    assert msgspec.json.decode(frames[0])["data"]["id"] == str(job.id)


@given(st.lists(st.integers(1, 12_000), max_size=30))
def test_batches_are_packed_in_order_and_none_is_too_large(sizes: list[int]) -> None:
    job = a_row()
    events = [
        Event(job.id, n, "q", "t", msgspec.json.encode({"n": n, "x": "x" * size})) for n, size in enumerate(sizes)
    ]

    frames = []
    while events:
        count = fitting(events)
        frame = batch_frame(events[:count], "7-0")
        assert len(frame) <= FRAME_BYTES
        frames.append(msgspec.json.decode(frame))
        events = events[count:]

    assert [each["n"] for frame in frames for each in frame["data"]] == list(range(len(sizes)))
    assert all(frame["event_id"] == "7-0" for frame in frames)


LINE = LogLineView(attempt=2, line=1, at="2026-11-25T09:30:00.000Z", level="INFO", logger="mail", message="")


@given(st.lists(st.integers(0, 20_000), min_size=1, max_size=30))
def test_lines_are_packed_in_order_and_those_that_are_too_long_are_hinted_at(sizes: list[int]) -> None:
    lines = [msgspec.structs.replace(LINE, line=n, message="x" * size) for n, size in enumerate(sizes, 7)]

    frames = log_frames(LogNews.of(UUID(int=1), lines))

    told = [msgspec.json.decode(frame) for frame in frames]
    assert all(len(frame) <= FRAME_BYTES for frame in frames)
    assert [each["line"] for frame in told for each in frame["data"]] == [
        line.line for line in lines if len(msgspec.json.encode(line)) <= LINE_BYTES
    ]
    cursors = [frame["cursor"] for frame in told]
    assert [frame["after"] for frame in told] == ["2-6", *cursors[:-1]]
    assert cursors[-1] == f"2-{lines[-1].line}"


def test_a_hint_names_the_last_line() -> None:
    news = LogNews.of(UUID(int=1), [msgspec.structs.replace(LINE, line=n) for n in (7, 8, 9)])

    assert msgspec.json.decode(log_hint(news)) == {
        "type": "JobLogs",
        "job_id": str(UUID(int=1)),
        "after": "2-8",
        "data": [],
        "cursor": "2-9",
    }


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"action":"ping"}', Ping()),
        (b'{"action":"subscribe"}', Subscription()),
        (b'{"action":"subscribe","queues":["a"],"batch":true}', Subscription(queues=["a"], batch=True)),
        (
            b'{"action":"subscribe","statuses":["FAILED"],"after":"17-0"}',
            Subscription(statuses=["FAILED"], after="17-0"),
        ),
    ],
)
def test_client_messages_are_told_apart_by_their_action(raw: bytes, message: object) -> None:
    assert msgspec.json.decode(raw, type=ClientMessage) == message


@pytest.mark.parametrize(
    "raw",
    [
        b"{}",
        b'{"action":"x"}',
        b'{"action":"ping","x":1}',
        b"[]",
        b'{"action":"subscribe","jobs":["x"]}',
        b'{"action":"subscribe","statuses":["DONE"]}',
        b'{"action":"subscribe","after":"yesterday"}',
        b'{"action":"subscribe","after":"1-99999999999999999999"}',
    ],
)
def test_other_client_messages_are_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=ClientMessage)
