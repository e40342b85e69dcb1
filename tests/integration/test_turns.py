"""Jobs with concurrency keys: turns, limits of each key, and what happens when something of it is lost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
import redis

from chalicelib.flow import Flow
from chalicelib.jobs import LEASE, Job
from chalicelib.members import key_hash, member, raw_id_of
from chalicelib.queue_settings import QueueChange, Rate
from chalicelib.queues import Look, Queues
from chalicelib.redis_link import WAKE_CHANNEL, Batch
from chalicelib.store.attempts import AttemptStore
from chalicelib.store.database import Database
from chalicelib.store.jobs import JobStore
from chalicelib.throttle import throttle_of
from chalicelib.turns import turns_of
from tests.integration.calls import Api
from tests.integration.conftest import World, a_flow, claim

LINES, SLOTS, TURNS, PARKED = turns_of("default")
DELAYED, LEASED = "{q:default}:delayed", "{q:default}:leased"
PACE = throttle_of("default")[2]


@pytest.fixture
def flow(world: World, database: Database) -> Flow:
    return a_flow(database, world.cache)


def look(world: World, limit: int = 100) -> Look:
    return world.queues.take({"default": limit}, LEASE).looks["default"]


class Line:
    """Submits jobs of keys, and says whose were taken."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.keys: dict[bytes, str] = {}
        self.jobs: dict[bytes, Job] = {}

    def add(self, *keys: str, priority: int = 0, delay_seconds: float = 0) -> list[Job]:
        """A job for each letter; ``-``: one without a key."""
        return [self._add(key, priority, delay_seconds) for key in "".join(keys)]

    def _add(self, key: str, priority: int, delay_seconds: float) -> Job:
        whose = None if key == "-" else key
        job = self.world.submit(concurrency_key=whose, priority=priority, delay_seconds=delay_seconds)
        self.keys[job.raw_id], self.jobs[job.raw_id] = key, job
        return job

    def take(self, limit: int = 100) -> str:
        return "".join(self.keys[raw_id_of(entry)] for entry in look(self.world, limit).members)

    def take_one_by_one(self, count: int) -> str:
        return "".join(self.take(1) for _ in range(count))

    def end(self, jobs: Sequence[Job]) -> None:
        batch = Batch(self.world.cache)
        self.world.queues.drop(jobs, batch)
        batch.send()

    def running(self) -> Counter[str]:
        members: Any = self.world.cache.zrange(LEASED, 0, -1)
        return Counter(self.keys[raw_id_of(entry)] for entry in members)


@pytest.fixture
def line(world: World) -> Iterator[Line]:
    """Whatever was done to it, no key is lost: all that waits can be taken once nothing limits it."""
    line = Line(world)
    yield line
    a_flow_less(world)
    waiting = world.cache.zcard(LINES)
    assert len(look(world, 2_000).members) >= waiting
    assert world.cache.zcard(SLOTS) == sum(key != "-" for key in line.running().elements())


def a_flow_less(world: World) -> None:
    """Nothing is set of the queue any more, and no key waits for its time."""
    world.cache.delete(*throttle_of("default"))
    world.cache.zunionstore(PARKED, {PARKED: 0})


def test_keys_take_turns(line: Line) -> None:
    line.add("aaaabbc")

    assert sorted(line.take_one_by_one(3)) == ["a", "b", "c"]
    assert sorted(line.take_one_by_one(2)) == ["a", "b"]
    assert line.take_one_by_one(2) == "aa"
    assert line.take() == ""


def test_a_look_at_many_jobs_spreads_them_over_the_keys(line: Line) -> None:
    line.add("a" * 50, "b" * 50, "cc")

    taken = Counter(line.take(12))

    assert taken["c"] == 2
    assert {taken["a"], taken["b"]} <= {4, 5, 6}
    assert sum(taken.values()) == 12


def test_a_key_with_many_jobs_does_not_delay_the_first_one_of_another(line: Line) -> None:
    line.add("a" * 60)
    line.take(20)

    line.add("b")

    assert "b" in line.take_one_by_one(2)


def test_jobs_without_a_key_are_one_party_more(line: Line) -> None:
    line.add("-" * 20, "a" * 20, "b" * 20)

    assert Counter(line.take_one_by_one(9)) == {"-": 3, "a": 3, "b": 3}


def test_one_job_with_a_key_among_many_without_waits_for_none_of_them(line: Line) -> None:
    line.add("-" * 30, "a")

    assert "a" in line.take_one_by_one(2)
    assert line.take(100) == "-" * 29


@pytest.mark.parametrize("whose", ["a", "-"])
@pytest.mark.parametrize("pause", [1, 2])
def test_whoever_submits_job_after_job_gets_no_more_turns_than_others(line: Line, whose: str, pause: int) -> None:
    line.add("b" * 20, "c" * 20)
    taken = ""
    for _ in range(12):
        line.add(whose)
        taken += line.take_one_by_one(pause)

    assert abs(taken.count(whose) - len(taken) / 3) <= 1


def test_an_urgent_job_goes_before_all_turns_and_the_key_pays_for_it(line: Line) -> None:
    line.add("aabb")
    line.add("b", priority=50)
    line.add("-", priority=40)
    line.add("a", priority=10)

    assert line.take_one_by_one(3) == "b-a"
    assert sorted(line.take_one_by_one(2)) == ["a", "b"]


def test_nobody_gets_a_turn_while_there_is_anything_more_urgent(line: Line) -> None:
    line.add("bbb---")
    line.add("aaa", priority=1)

    assert line.take(2) == "aa"
    assert line.take(2)[0] == "a"


def test_a_key_that_comes_late_has_saved_no_turns(line: Line) -> None:
    line.add("a" * 20, "b" * 20)
    line.take_one_by_one(10)

    line.add("c" * 10)

    assert Counter(line.take_one_by_one(6)) == {"a": 2, "b": 2, "c": 2}


def test_among_a_keys_jobs_the_urgent_come_first_and_then_the_old(world: World, line: Line) -> None:
    first, second = line.add("aa")
    (urgent,) = line.add("a", priority=1)
    (idle,) = line.add("a", priority=-1)

    taken = [raw_id_of(entry) for entry in look(world).members]

    assert taken == [job.raw_id for job in (urgent, first, second, idle)]


def test_a_key_gets_no_more_slots_than_its_limit_and_a_free_one_at_once(line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=2))
    jobs = line.add("aaaa")
    line.add("b")
    assert Counter(line.take()) == {"a": 2, "b": 1}
    assert line.take() == ""

    line.end(jobs[:1])

    assert line.take() == "a"


@pytest.mark.parametrize("change", [QueueChange(max_running_per_key=1), QueueChange(max_running=1)])
def test_the_slot_that_is_free_again_rings_the_bell(world: World, line: Line, flow: Flow, change: QueueChange) -> None:
    flow.change("default", change)
    first, _ = line.add("aa")
    assert line.take() + line.take() == "a"

    with world.cache.pubsub() as bell:
        bell.subscribe(WAKE_CHANNEL)
        assert bell.get_message(timeout=5)["type"] == "subscribe"
        line.end([first])

        assert bell.get_message(timeout=5)["data"] == b"default"


def test_a_key_at_its_limit_holds_up_no_other(line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    line.add("a" * 10)
    line.take()

    line.add("b", "-" * 3)

    assert Counter(line.take()) == {"b": 1, "-": 3}


def test_a_lease_that_is_over_frees_its_keys_slot(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    line.add("aa")
    line.take()
    assert line.take() == ""

    world.cache.zunionstore(LEASED, {LEASED: 0})

    assert line.take() == "a"
    assert line.take() == ""


def test_a_keys_lease_that_is_over_keeps_its_slot_from_all_others(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=2, rate_limit_per_key=Rate(jobs=1, per_seconds=60, burst=2)))
    line.add("aa")
    line.take()
    line.add("ab")
    world.cache.zunionstore(LEASED, {LEASED: 0})

    assert line.take() == "b"
    world.cache.zincrby(PACE, -60_000, key_hash("a"))
    world.cache.zunionstore(PARKED, {PARKED: 0})
    assert line.take() == "a"
    assert world.cache.zcard(LINES) == 1


def test_leases_beyond_a_lowered_limit_give_their_slots_up_when_they_are_over(
    world: World, line: Line, flow: Flow
) -> None:
    flow.change("default", QueueChange(max_running_per_key=3))
    line.add("aaa")
    line.take()
    flow.change("default", QueueChange(max_running_per_key=1))
    world.cache.zunionstore(LEASED, {LEASED: 0})

    assert line.take() == "a"
    assert world.cache.zcard(LINES) == 2


def test_of_leases_beyond_a_lowered_limit_no_more_give_up_their_slots_than_have_to(
    world: World, line: Line, flow: Flow
) -> None:
    flow.change("default", QueueChange(max_running_per_key=3))
    line.add("aaa")
    began = {*look(world).members}
    flow.change("default", QueueChange(max_running_per_key=2))
    line.add("aaa", priority=50)
    world.cache.zunionstore(LEASED, {LEASED: 0})

    seen = look(world).members

    assert len(seen) == 2
    assert {*seen} < began


def test_a_key_that_waits_for_its_pace_hides_nothing_that_comes_due_before(
    world: World, line: Line, flow: Flow
) -> None:
    pace = Rate(jobs=1, per_seconds=60)
    flow.change("default", QueueChange(max_running_per_key=5, rate_limit_per_key=pace))
    line.add("a")
    line.take()
    line.add("b", delay_seconds=3)
    world.cache.zunionstore(LEASED, {LEASED: 0})

    wait = look(world).wait

    assert wait is not None
    assert wait <= timedelta(seconds=3)


def test_a_job_of_a_key_at_its_limit_wakes_nobody(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    line.add("aa")
    line.take()
    with world.cache.pubsub() as bell:
        bell.subscribe(WAKE_CHANNEL)
        assert bell.get_message(timeout=5)["type"] == "subscribe"
        line.add("a")
        world.cache.publish(WAKE_CHANNEL, "the end")

        assert bell.get_message(timeout=5)["data"] == b"the end"


def test_a_key_that_is_waited_for_says_when_its_lease_is_over(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    line.add("aa")
    line.take()

    wait = look(world).wait

    assert wait is not None
    assert LEASE - timedelta(seconds=5) < wait <= LEASE


def test_each_key_has_a_pace_of_its_own(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(rate_limit_per_key=Rate(jobs=6, per_seconds=60, burst=2)))
    line.add("aaaabbb-")
    assert Counter(line.take()) == {"a": 2, "b": 2, "-": 1}

    seen = look(world)

    assert seen.members == []
    assert seen.wait is not None
    assert timedelta(seconds=9) < seen.wait <= timedelta(seconds=10)

    world.cache.zincrby(PACE, -10_000, key_hash("a"))
    world.cache.zunionstore(PARKED, {PARKED: 0})

    assert line.take() == "a"


def test_a_faster_pace_of_keys_does_not_wait_for_what_the_slower_one_asked(
    world: World, line: Line, flow: Flow
) -> None:
    flow.change("default", QueueChange(rate_limit_per_key=Rate(jobs=1, per_seconds=86_400)))
    first, _ = line.add("aa")
    assert line.take() == "a"
    line.end([first])

    flow.change("default", QueueChange(rate_limit_per_key=Rate(jobs=1, per_seconds=60)))

    assert look(world).wait == timedelta(minutes=1)


@pytest.mark.parametrize(("slots", "burst"), [(1, 2), (2, 1)])
def test_slots_and_pace_of_a_key_hold_together(line: Line, flow: Flow, slots: int, burst: int) -> None:
    rate = Rate(jobs=1, per_seconds=60, burst=burst)
    flow.change("default", QueueChange(max_running_per_key=slots, rate_limit_per_key=rate))
    line.add("aaa")

    assert line.take() + line.take() == "a"


def test_paces_of_keys_that_have_not_come_for_long_are_forgotten(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(rate_limit_per_key=Rate(jobs=6, per_seconds=60, burst=2)))
    line.add("abcdefgh")
    line.take()
    assert world.cache.zcard(PACE) == 8
    for letter in "abcdefg":
        world.cache.zincrby(PACE, -10_000, key_hash(letter))

    line.add("i")
    line.take()

    assert set(world.cache.zrange(PACE, 0, -1)) == {key_hash("h"), key_hash("i")}


def test_a_looser_limit_is_obeyed_at_once(line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1, rate_limit_per_key=Rate(jobs=1, per_seconds=86_400)))
    line.add("aaa")
    assert line.take() + line.take() == "a"

    flow.change("default", QueueChange(max_running_per_key=3, rate_limit_per_key=None))

    assert line.take() == "aa"


def test_limits_of_the_queue_hold_for_keys_too(line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running=3, max_running_per_key=2))
    jobs = line.add("aaabbb")
    assert Counter(line.take()) in ({"a": 2, "b": 1}, {"a": 1, "b": 2})

    line.end(jobs)
    flow.change("default", QueueChange(max_running=None, rate_limit=Rate(jobs=1, per_seconds=60, burst=4)))
    line.add("cdefgh")

    assert len(line.take()) == 4


def test_a_paused_queue_gives_no_key_a_turn(line: Line, flow: Flow) -> None:
    line.add("ab")
    flow.change("default", QueueChange(paused=True))
    assert line.take() == ""

    flow.change("default", QueueChange(paused=False))

    assert len(line.take()) == 2


def test_a_delayed_job_joins_its_keys_line_when_it_is_due(world: World, line: Line) -> None:
    (later,) = line.add("a", delay_seconds=60)
    line.add("a")
    assert line.take() == "a"

    world.cache.zadd(DELAYED, {member(later): 1})

    assert line.take() == "a"


def test_a_job_that_ends_while_it_waits_leaves_its_line(world: World, line: Line) -> None:
    jobs = line.add("ab")

    line.end(jobs[:1])

    assert line.take() == "b"
    assert world.cache.zcard(LINES) == 0


def test_what_nothing_is_left_of_leaves_nothing_behind(world: World, line: Line, flow: Flow, queues: Queues) -> None:
    """Workers look at busy queues only: until then it is one."""
    flow.change("default", QueueChange(max_running_per_key=1))
    jobs = line.add("aabbc-")
    line.take()
    line.take()
    jobs += line.add("defg")

    line.end(jobs)
    assert queues.busy_names() == ["default"]
    line.take()

    assert queues.busy_names() == []
    assert [world.cache.exists(key) for key in (LINES, SLOTS, TURNS, PARKED)] == [0, 0, 0, 0]


def test_phantom_slots_are_found_behind_any_number_of_others(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=12))
    line.add("a" * 13)
    line.take()
    world.cache.zrem(LEASED, *world.cache.zrange(SLOTS, -2, -1))
    world.cache.zunionstore(PARKED, {PARKED: 0})

    assert line.take() == "a"


def test_a_slot_whose_lease_was_removed_by_hand_is_no_slot(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    line.add("aa")
    line.take()
    world.cache.delete(LEASED)
    line.take()

    world.cache.zunionstore(PARKED, {PARKED: 0})

    assert line.take() == "a"


def test_the_api_and_prometheus_tell_how_many_keys_wait_and_are_held_back(line: Line, flow: Flow, api: Api) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    line.add("aabc-")
    line.take(1)
    line.take(1)
    line.take()
    line.add("de")

    told = api.get("/queues/default").json_body["keys"]

    assert told == {"waiting": 2, "held_back": 1}
    metrics = api.get("/metrics").body.decode()
    assert 'jobscheduler_queue_keys{queue="default",state="held_back"} 1.0' in metrics


@pytest.mark.parametrize("lost", [LINES, TURNS])
def test_jobs_whose_line_or_turn_is_lost_are_missing(
    world: World, line: Line, queues: Queues, cache: redis.Redis, lost: str
) -> None:
    waiting = line.add("aab")
    later = line.add("a", delay_seconds=60)
    cache.delete(lost)

    missing = queues.missing([*waiting, *later])

    assert {job.id for job in missing} == {job.id for job in waiting}
    batch = Batch(cache)
    queues.sync(missing, batch)
    batch.send()
    assert queues.missing([*waiting, *later]) == []


def test_leased_jobs_whose_slots_are_lost_are_missing(
    world: World, line: Line, queues: Queues, store: JobStore, attempts: AttemptStore
) -> None:
    running, plain = (line.add(key)[0] for key in "a-")
    line.take()
    claim(attempts, running.id, plain.id)
    world.cache.delete(SLOTS)

    missing = queues.missing(store.find([running.id, plain.id]))

    assert [job.id for job in missing] == [running.id]
    batch = Batch(world.cache)
    queues.sync(missing, batch)
    batch.send()
    assert world.cache.zrange(SLOTS, 0, -1) == [member(running)]


def test_jobs_in_a_line_whose_key_is_parked_are_not_missing(line: Line, flow: Flow, queues: Queues) -> None:
    flow.change("default", QueueChange(max_running_per_key=0))
    jobs = line.add("ab")
    line.take()

    assert queues.missing(jobs) == []


def test_a_look_at_many_keys_that_may_not_start_ends_and_the_next_goes_on(world: World, line: Line, flow: Flow) -> None:
    flow.change("default", QueueChange(max_running_per_key=1))
    for number in range(300):
        world.submit(concurrency_key=f"key {number}")
        world.submit(concurrency_key=f"key {number}")
    assert len(look(world, 300).members) == 300
    line.add("a")

    looks = [look(world, 1) for _ in range(3)]

    assert sum(len(each.members) for each in looks) == 1
    assert looks[0].members or looks[0].wait == timedelta(0)
    batch = Batch(world.cache)
    world.queues.forget("default", [entry for entry, _ in world.cache.zscan_iter(LINES)], batch)
    world.queues.forget("default", [entry for entry, _ in world.cache.zscan_iter(LEASED)], batch)
    batch.send()
