from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.events import FRAME_BYTES, ClientMessage, Event, Ping, Subscription, first_batch_frame, single_frame
from chalicelib.jobs import JobStatus
from chalicelib.outbox import newest
from chalicelib.views import INLINE_BYTES
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
    )

    frames = [single_frame(Event.of(job)), first_batch_frame([Event.of(job)], "1-1")[0]]

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
        frame, count = first_batch_frame(events, "7-0")
        assert len(frame) <= FRAME_BYTES
        frames.append(msgspec.json.decode(frame))
        events = events[count:]

    assert [each["n"] for frame in frames for each in frame["data"]] == list(range(len(sizes)))
    assert all(frame["event_id"] == "7-0" for frame in frames)


def test_only_the_newest_version_of_a_job_is_kept_whatever_the_order() -> None:
    one, two = a_row(), a_row()
    events = [Event(job.id, version, "q", "t", b"{}") for job, version in ((one, 2), (two, 1), (one, 3), (one, 1))]

    assert [(event.job_id, event.version) for event in newest(events)] == [(one.id, 3), (two.id, 1)]


@pytest.mark.parametrize(
    ("subscription", "wanted"),
    [
        (Subscription(), True),
        (Subscription(queues=["default"]), True),
        (Subscription(queues=["other"]), False),
        (Subscription(queues=[]), False),
        (Subscription(job_types=["echo"], queues=["other"]), True),
        (Subscription(jobs=[]), False),
    ],
)
def test_a_subscription_wants_what_any_of_its_lists_names(subscription: Subscription, wanted: bool) -> None:
    assert subscription.wants(Event.of(a_row())) is wanted


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b'{"action":"ping"}', Ping()),
        (b'{"action":"subscribe"}', Subscription()),
        (b'{"action":"subscribe","queues":["a"],"batch":true}', Subscription(queues=["a"], batch=True)),
    ],
)
def test_client_messages_are_told_apart_by_their_action(raw: bytes, message: object) -> None:
    assert msgspec.json.decode(raw, type=ClientMessage) == message


@pytest.mark.parametrize(
    "raw", [b"{}", b'{"action":"x"}', b'{"action":"ping","x":1}', b"[]", b'{"action":"subscribe","jobs":["x"]}']
)
def test_other_client_messages_are_refused(raw: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(raw, type=ClientMessage)
