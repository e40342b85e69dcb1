"""What is done to processes and servers. A fault that lasts is a generator: it breaks, yields for how many seconds, and mends."""

from __future__ import annotations

import contextlib
import os
import random
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import redis

from tests.chaos.crew import Crew
from tests.chaos.pace import Pace
from tests.chaos.servers import Server, Servers


@dataclass(frozen=True)
class Stage:
    """Everything that can be broken."""

    servers: Servers
    crew: Crew
    pace: Pace
    rng: random.Random


Fault = Callable[[Stage], Iterator[float]]


def kill_a_worker(stage: Stage) -> Iterator[float]:
    """In the middle of whatever it does."""
    _signal(stage, signal.SIGKILL)
    yield 0.0


def freeze_a_worker(stage: Stage) -> Iterator[float]:
    """Until long after its lease is over; then it goes on as if nothing had been."""
    for pid in _signal(stage, signal.SIGSTOP):
        yield stage.pace.frozen
        _send(pid, signal.SIGCONT)


def flush_valkey(stage: Stage) -> Iterator[float]:
    with contextlib.suppress(redis.RedisError), redis.Redis.from_url(stage.servers.redis_url, retry=None) as client:
        client.flushall()
    yield 0.0


def restart_valkey(stage: Stage) -> Iterator[float]:
    return _away(stage.servers.valkey, stage.rng.choice([signal.SIGTERM, signal.SIGKILL]), 0.0)


def stop_valkey(stage: Stage) -> Iterator[float]:
    return _away(stage.servers.valkey, signal.SIGTERM, stage.pace.valkey_away)


def freeze_valkey(stage: Stage) -> Iterator[float]:
    return _frozen(stage.servers.valkey, stage.pace.valkey_frozen)


def restart_postgres(stage: Stage) -> Iterator[float]:
    """In immediate mode: it forgets what it has not committed, and recovers from its log."""
    return _away(stage.servers.postgres, signal.SIGQUIT, 0.0)


def stop_postgres(stage: Stage) -> Iterator[float]:
    return _away(stage.servers.postgres, signal.SIGINT, stage.pace.postgres_away)


def freeze_postgres(stage: Stage) -> Iterator[float]:
    return _frozen(stage.servers.postgres, stage.pace.postgres_frozen)


def duplicate_a_tick(stage: Stage) -> Iterator[float]:
    stage.crew.tick()
    stage.crew.tick()
    yield 0.0


def storm_of_cancels(stage: Stage) -> Iterator[float]:
    if stage.crew.api is not None:
        stage.crew.api.hears("storm")
    yield 0.0


def kill_the_api(stage: Stage) -> Iterator[float]:
    if stage.crew.api is not None and stage.crew.api.ended() is None:
        stage.crew.api.process.kill()
    yield 0.0


FAULTS: dict[str, Fault] = {
    fault.__name__.replace("_", "-"): fault
    for fault in (
        kill_a_worker,
        freeze_a_worker,
        flush_valkey,
        restart_valkey,
        stop_valkey,
        freeze_valkey,
        restart_postgres,
        stop_postgres,
        freeze_postgres,
        duplicate_a_tick,
        storm_of_cancels,
        kill_the_api,
    )
}


def _signal(stage: Stage, number: signal.Signals) -> list[int]:
    """To an engine chosen by chance. Returns its process id; nothing when there is none just now."""
    victims = stage.crew.victims()
    chosen = [stage.rng.choice(victims)] if victims else []
    for pid in chosen:
        _send(pid, number)
    return chosen


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _away(server: Server, how: signal.Signals, seconds: float) -> Iterator[float]:
    if server.is_running:
        server.stop(how)
        yield seconds
        server.start()


def _frozen(server: Server, seconds: float) -> Iterator[float]:
    server.freeze()
    yield seconds
    server.thaw()
