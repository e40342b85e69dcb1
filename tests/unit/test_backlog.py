"""What watchers are told, against rules that are written down again here: whoever reads on is at last told the newest of all that
it asked for, from any place, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.audience import Audience
from chalicelib.backlog import Backlog
from chalicelib.connections import Connection
from chalicelib.events import Event, Subscription, position
from chalicelib.outbox import Delivery, Ending, Outbox, Reader
from chalicelib.roster import Late, catch_up
from chalicelib.stream import Entry

JOBS = [UUID(int=n) for n in range(1, 6)]
QUEUES = ["mail", "hooks"]
TYPES = ["send", "call"]
STATUSES = ["QUEUED", "RUNNING", "COMPLETED"]


def an_event(
    job: UUID, version: int, size: int = 1, queue: str = "mail", job_type: str = "send", status: str = "QUEUED"
) -> Event:
    body = msgspec.json.encode({"id": str(job), "version": version, "x": "x" * size})
    return Event(job, version, queue, job_type, body, status)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[str, list[Event]]]:
    """Entries of the stream. A job keeps its queue and type; its versions may be heard of in any order."""
    homes = {job: (draw(st.sampled_from(QUEUES)), draw(st.sampled_from(TYPES))) for job in JOBS}
    changes = st.tuples(
        st.sampled_from(JOBS), st.integers(1, 9), st.sampled_from([1, 9_000]), st.sampled_from(STATUSES)
    )
    batches = draw(st.lists(st.lists(changes, max_size=4), max_size=8))
    return [
        (f"{number}-0", [an_event(job, version, size, *homes[job], status) for job, version, size, status in batch])
        for number, batch in enumerate(batches, 1)
    ]


def some(names: Sequence[Any]) -> st.SearchStrategy[list[Any] | None]:
    return st.none() | st.lists(st.sampled_from(names), max_size=3)


subscriptions = st.builds(
    Subscription,
    jobs=some(JOBS),
    queues=some(QUEUES),
    job_types=some(TYPES),
    statuses=some(STATUSES),
    batch=st.booleans(),
)


def wants(subscription: Subscription, event: Event) -> bool:
    named = [subscription.jobs, subscription.queues, subscription.job_types]
    is_named = all(names is None for names in named) or any(
        names is not None and value in names
        for names, value in zip(named, (event.job_id, event.queue, event.job_type), strict=True)
    )
    return is_named and (subscription.statuses is None or event.status in subscription.statuses)


def newest(events: Sequence[Event], subscription: Subscription) -> dict[str, int]:
    """By job, the newest version of those that are wanted."""
    told: dict[str, int] = {}
    for event in events:
        if wants(subscription, event):
            told[str(event.job_id)] = max(event.version, told.get(str(event.job_id), 0))
    return told


def jobs_in(frame: bytes) -> list[dict[str, Any]]:
    data = msgspec.json.decode(frame)["data"]
    return data if isinstance(data, list) else [data]


def learn(known: dict[str, int], frame: bytes) -> None:
    for job in jobs_in(frame):
        known[job["id"]] = max(job["version"], known.get(job["id"], 0))


@given(histories(), subscriptions, st.lists(st.integers(0, 3), min_size=8, max_size=8))
def test_whoever_reads_on_knows_the_newest_of_what_it_asked_for(
    history: list[tuple[str, list[Event]]], subscription: Subscription, paces: list[int]
) -> None:
    audience = Audience("0-0")
    backlog = audience.backlog(subscription)
    known: dict[str, int] = {}
    number = 0

    for (entry, events), pace in zip(history, paces, strict=False):
        audience.hear(events, entry)
        audience.caught_up()
        for frame in backlog.frames(number, pace):
            learn(known, frame.body)
            number = frame.number
        backlog.forget(number)
    for frame in backlog.frames(number, 1_000):
        learn(known, frame.body)

    assert known == newest([event for _, events in history for event in events], subscription)


@given(histories(), subscriptions.filter(lambda each: each.batch))
def test_from_any_frames_event_id_on_nothing_is_missed(
    history: list[tuple[str, list[Event]]], subscription: Subscription
) -> None:
    frames = all_frames(history, subscription, "0-0")

    for count in range(len(frames)):
        known: dict[str, int] = {}
        for frame in frames[: count + 1]:
            learn(known, frame)
        after = msgspec.json.decode(frames[count])["event_id"]
        for frame in all_frames(history, subscription, after):
            learn(known, frame)
        assert known == newest([event for _, events in history for event in events], subscription)


def all_frames(history: list[tuple[str, list[Event]]], subscription: Subscription, after: str) -> list[bytes]:
    """Heard from the beginning, and read from this place on."""
    audience = Audience("0-0")
    backlog = audience.backlog(subscription)
    for entry, events in history:
        audience.hear(events, entry)
    audience.caught_up()
    return [frame.body for frame in backlog.frames(backlog.number_at(after), 1_000)]


@given(histories(), subscriptions.filter(lambda each: each.batch))
def test_event_ids_never_go_back(history: list[tuple[str, list[Event]]], subscription: Subscription) -> None:
    ids = [position(msgspec.json.decode(frame)["event_id"]) for frame in all_frames(history, subscription, "0-0")]

    assert all(earlier <= later for earlier, later in pairwise(ids))


@given(histories(), st.lists(subscriptions, max_size=4))
def test_an_audience_with_many_finds_whom_a_change_concerns(
    history: list[tuple[str, list[Event]]], others: list[Subscription]
) -> None:
    audience = Audience("0-0")
    backlogs = [audience.backlog(each) for each in others]
    for unread in backlogs[::2]:
        if unread in set(audience):
            audience.remove(unread)
    left = set(audience)

    for entry, events in history:
        audience.hear(events, entry)
    audience.caught_up()

    for backlog in left:
        told: dict[str, int] = {}
        for frame in backlog.frames(0, 1_000):
            learn(told, frame.body)
        assert told == newest([event for _, events in history for event in events], backlog.subscription)


def test_those_who_ask_for_the_same_share_a_backlog_whatever_else_they_ask_for() -> None:
    audience = Audience("0-0")

    shared = {
        audience.backlog(Subscription(queues=["a"], stats=stats, after=after))
        for stats in (True, False)
        for after in (None, "1-0")
    }

    assert len(shared) == 1
    assert audience.backlog(Subscription(queues=["a"], batch=True)) not in shared


def test_whoever_is_too_far_behind_has_missed_something(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.backlog.MOST_KEPT", 3)
    backlog = Backlog(Subscription(batch=True), "0-0")
    for n, job in enumerate(JOBS[:4], 1):
        assert not backlog.has_lost(0)
        backlog.put(an_event(job, 1), f"{n}-0")

    assert backlog.has_lost(0)
    assert not backlog.has_lost(1)


def test_without_batches_every_version_is_told() -> None:
    backlog = Backlog(Subscription(), "0-0")
    for version in (1, 2, 2, 3):
        backlog.put(an_event(JOBS[0], version), "1-0")
    backlog.reach("1-0")

    assert [jobs_in(frame.body)[0]["version"] for frame in backlog.frames(0, 100)] == [1, 2, 3]


def test_what_everybody_was_told_is_let_go_and_the_rest_says_where_to_go_on() -> None:
    backlog = Backlog(Subscription(), "0-0")
    backlog.put(an_event(JOBS[0], 1), "1-0")
    backlog.reach("1-0")
    backlog.put(an_event(JOBS[1], 1), "2-0")
    backlog.reach("2-0")

    assert [backlog.forget(number) for number in (0, 1, 2)] == ["0-0", "1-0", "2-0"]
    assert backlog.frames(0, 10) == []


@pytest.mark.parametrize(("changes", "event_id"), [(3, "9-0"), (100, None)])
def test_statistics_name_an_event_only_where_all_before_it_is_told(changes: int, event_id: str | None) -> None:
    backlog = Backlog(Subscription(stats=True), "0-0")
    for version in range(changes):
        backlog.put(an_event(JOBS[0], version), "1-0")
    backlog.reach("1-0")
    outbox = Outbox(Connection(id="c", api_id="a", stage="s", connected_at=0), Reader(backlog, 0))
    outbox.show_stats(b"{}", "9-0")

    *_, last = outbox.begin(0.0)

    assert msgspec.json.decode(last.frame).get("event_id") == event_id


def test_who_has_missed_more_than_is_kept_of_it_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chalicelib.backlog.MOST_KEPT", 3)
    outbox = an_outbox(Backlog(Subscription(batch=True), "9-0"), Subscription(batch=True))

    catch_up([Late(outbox, "1-0")], [Entry(f"{n}-0", [an_event(UUID(int=n), 1)], []) for n in range(2, 7)], "9-0")

    assert outbox.misses


def test_frames_of_what_was_asked_for_before_say_nothing_of_what_came_after_the_turn() -> None:
    audience = Audience("0-0")
    mail, hooks = Subscription(queues=["mail"], batch=True), Subscription(queues=["hooks"], batch=True)
    outbox = an_outbox(audience.backlog(mail), mail)
    audience.hear([an_event(JOBS[0], 1)], "1-0")
    audience.caught_up()
    outbox.turn_to(outbox.connection, audience.backlog(hooks))
    audience.hear([an_event(JOBS[1], 1, queue="hooks"), an_event(JOBS[2], 1)], "2-0")
    audience.caught_up()

    frames = [msgspec.json.decode(parcel.frame) for parcel in outbox.begin(0.0)]

    told = [([job["id"] for job in frame["data"]], frame["event_id"]) for frame in frames]
    assert told == [([str(JOBS[0])], "1-0"), ([str(JOBS[1])], "2-0")]


def test_who_misses_something_while_it_is_told_to_read_is_told_once_more() -> None:
    outbox = an_outbox(Backlog(Subscription(batch=True), "1-0"), Subscription(batch=True))
    outbox.start_over("1-0")
    parcels = outbox.begin(0.0)

    outbox.start_over("2-0")
    outbox.finish(parcels, Delivery(len(parcels), Ending.FINE), 0.0)

    assert outbox.misses


def an_outbox(backlog: Backlog, subscription: Subscription) -> Outbox:
    connection = Connection(id="c", api_id="a", stage="s", connected_at=0, subscription=subscription)
    return Outbox(connection, Reader(backlog, backlog.newest))
