"""The processes that run, die and are replaced: workers, clients, ticks."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path

import psutil

from infra.local.processes import is_gone
from infra.local.services import ROOT
from tests.chaos import ledger, process, steps
from tests.chaos.pace import Pace

STOP_SECONDS = 60.0
WORKERS = 3


class Member:
    """One process of ours. name: of its log."""

    def __init__(
        self, name: str, module: str, arguments: list[str], environment: Mapping[str, str], logs: Path
    ) -> None:
        self.name = name
        self.may_die = "--die" in arguments  # by itself, at a step that may come as late as the end
        with (logs / f"{name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", f"tests.chaos.{module}", *arguments],
                cwd=ROOT,
                env={**os.environ, **environment, process.PARENT: str(os.getpid())},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> int | None:
        return self.process.poll()

    def hears(self, line: str) -> None:
        with contextlib.suppress(BrokenPipeError):
            if self.process.stdin is not None:
                self.process.stdin.write(f"{line}\n".encode())
                self.process.stdin.flush()

    def hang_up(self) -> None:
        """Clients leave when they notice."""
        if self.process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self.process.stdin.close()

    def strays(self) -> list[psutil.Process]:
        """Processes that it started and that outlived it."""
        others = (each for each in psutil.process_iter() if each.pid != self.pid and _session(each.pid) == self.pid)
        return [each for each in others if not is_gone(each)]


def _session(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


class Crew:
    """Keeps as many workers and clients as there should be. Whoever dies other than by ``kill -9`` is complained about."""

    def __init__(
        self,
        *,
        rng: random.Random,
        pace: Pace,
        environment: Mapping[str, str],
        home: Path,
        deaths: Collection[str],
        sabotage: str | None,
    ) -> None:
        """deaths: the steps at which workers and clients are to die."""
        self._rng = rng
        self._pace = pace
        self._sabotage = sabotage
        self._logs = home / "logs"
        self._ledger = home / "ledger"
        self._logs.mkdir()
        self._ledger.mkdir()
        self._environment = {
            **environment,
            process.PACE: pace.name,
            process.LEDGER: str(self._ledger),
            "WEBSOCKET_ENDPOINT": "http://127.0.0.1:9/{api_id}/{stage}",  # nobody is there
            "ALLOW_PRIVATE_ADDRESSES": "true",
            "AWS_ACCESS_KEY_ID": "none",
            "AWS_SECRET_ACCESS_KEY": "none",
        }
        self._count = 0
        self._worker_steps = [step.name for step in steps.WORKER_STEPS if step.name in deaths]
        self._api_steps = [step.name for step in steps.API_STEPS if step.name in deaths]
        self.workers: list[Member] = []
        self.ticks: list[Member] = []
        self.gone: list[Member] = []
        self.api: Member | None = None
        self.complaints: list[str] = []
        self.kills_itself = True  # whether new processes get a step to die at

    @property
    def ledger(self) -> Path:
        return self._ledger

    def look_after(self) -> None:
        """Replace those who died."""
        for worker in [each for each in self.workers if each.ended() is not None]:
            self.workers.remove(worker)
            self._bid_farewell(worker, -signal.SIGKILL)
        for tick in [each for each in self.ticks if each.ended() is not None]:
            self.ticks.remove(tick)
            self._bid_farewell(tick, 0)
        while len(self.workers) < WORKERS:
            self.workers.append(self._new_worker())

    def look_after_clients(self) -> None:
        if self.api is not None and self.api.ended() is not None:
            self._bid_farewell(self.api, -signal.SIGKILL)
            self.api = None
        if self.api is None:
            self.api = self._new(
                "api", "api_process", [self._next_name("api"), str(self._rng.getrandbits(32))], self._api_steps
            )

    def victims(self) -> list[int]:
        """Process ids of engines. Not the parent of several, which only replaces them."""
        return [pid for worker in self.workers if worker.ended() is None for pid in _engines(worker)]

    def tick(self) -> None:
        self.ticks.append(self._new("tick", "tick_process", [], []))

    def clients_leave(self) -> None:
        if self.api is None:
            return
        self.api.hang_up()
        self.api.process.wait(STOP_SECONDS)
        self._bid_farewell(self.api, 0, -signal.SIGKILL)
        self.api = None

    def workers_leave(self) -> None:
        """Politely, as a deploy does it."""
        for worker in self.workers:
            worker.process.send_signal(signal.SIGTERM)
        for member in [*self.workers, *self.ticks]:
            member.process.wait(STOP_SECONDS)
            self._bid_farewell(member, 0, *([-signal.SIGKILL] if member.may_die else []))
        self.workers, self.ticks = [], []

    def kill_all(self) -> None:
        """Whatever state they are in."""
        members = [*self.workers, *self.ticks, *([self.api] if self.api else [])]
        for member in members:
            if member.ended() is None:
                member.process.kill()
                member.process.wait()
            member.hang_up()
        for member in [*members, *self.gone]:
            for stray in member.strays():
                with contextlib.suppress(psutil.NoSuchProcess):
                    stray.kill()

    def _new_worker(self) -> Member:
        processes = "2" if not any(worker.name.startswith("pair") for worker in self.workers) else "1"
        own = ["--concurrency", "8", "--grace", "20", "--processes", processes]
        first = ["--sabotage", self._sabotage] if self._sabotage else []
        if processes == "2":  # their parent forks another that would die at the same step, for ever
            return self._new("pair", "worker_process", first, [], own)
        return self._new("worker", "worker_process", first, self._worker_steps, own)

    def _new(
        self, kind: str, module: str, arguments: list[str], deadly: list[str], own: list[str] | None = None
    ) -> Member:
        arguments = [*arguments]
        if deadly and self.kills_itself:
            for name in sorted(self._deadly(deadly)):
                arguments += ["--die", steps.order(name, self._rng, self._pace.passes)]
        if own:
            arguments += ["--", *own]
        return Member(self._next_name(kind), module, arguments, self._environment, self._logs)

    def _deadly(self, names: list[str]) -> set[str]:
        """Any, and one at which fewer have died than at others: some are passed so seldom that waiting for them takes long."""
        deaths = Counter(ledger.read(self._ledger).deaths)
        fewest = min(deaths[name] for name in names)
        return {self._rng.choice(names), self._rng.choice([name for name in names if deaths[name] == fewest])}

    def _next_name(self, kind: str) -> str:
        self._count += 1
        return f"{kind}-{self._count}"

    def _bid_farewell(self, member: Member, *allowed: int) -> None:
        member.hang_up()
        self.gone.append(member)
        if member.ended() not in allowed:
            self.complaints.append(f"{member.name} ended by itself, with status {member.ended()}: see its log")


def _engines(worker: Member) -> list[int]:
    if not worker.name.startswith("pair"):
        return [worker.pid]
    with contextlib.suppress(psutil.NoSuchProcess):
        children = psutil.Process(worker.pid).children()
        return [child.pid for child in children if "chalicelib.child" not in child.cmdline()]
    return []
