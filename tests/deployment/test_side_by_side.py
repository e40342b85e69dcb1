"""A deploy under load: the previous release serves, the schema is widened under it, the new release joins, the old one leaves.

The previous release is the code before the newest migration, from the history of this repository. Both run on what is installed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest

from chalicelib.outbox import RESYNC_SECONDS
from infra.local.services import databases
from tests.deployment.releases import ROOT, Api, NoHistory, Release, previous_release
from tests.local_http import LocalServer, answer

Rows = dict[str, tuple[int, str]]  # by job, its version and its status

WATCHERS = [f"watcher-{number}" for number in range(8)]
JOBS = 60  # from each API
WAIT_SECONDS = 60


class Watchers:
    """Where frames are posted. Those who watch believe what they are told, and read everything again when they are sent to."""

    def __init__(self) -> None:
        self.server = LocalServer({self._path(name): answer() for name in WATCHERS})
        self.sent_to_read = dict.fromkeys(WATCHERS, 0)
        self._heard = 0
        self._known: dict[str, Rows] = {}

    @property
    def endpoint(self) -> str:
        return self.server.url("/{stage}")

    def join(self, name: str, connect: Callable[[str], None], read: Callable[[], Rows]) -> None:
        connect(name)
        self._learn(name, read())

    def know(self, rows: Rows) -> bool:
        """Whether everybody who is connected knows all of them as they are."""
        return all(known == rows for known in self._known.values())

    def hear(self, connect: Callable[[str], None], read: Callable[[], Rows]) -> None:
        """Everything that came since the last time."""
        news = self.server.seen[self._heard :]
        self._heard += len(news)
        for seen in news:
            name = seen.path.rpartition("/")[2]
            frame: Any = {"type": "cut"} if seen.method == "DELETE" else json.loads(seen.body)
            match frame:
                case {"type": "JobStatusUpdate", "data": {"id": job, "version": version, "status": status}}:
                    self._learn(name, {job: (version, status)})
                case {"type": "cut"}:
                    self.sent_to_read[name] += 1
                    self.join(name, connect, read)
                case {"type": "Resync"}:
                    self.sent_to_read[name] += 1
                    self._learn(name, read())

    def _learn(self, name: str, rows: Rows) -> None:
        known = self._known.setdefault(name, {})
        known.update({job: max(row, known.get(job, row)) for job, row in rows.items()})

    @staticmethod
    def _path(name: str) -> str:
        return f"/stage/@connections/{name}"


class Rollout:
    """Both releases on one Postgres and one Redis."""

    def __init__(self, old: Release, new: Release, watchers: Watchers, database: psycopg.Connection[Any]) -> None:
        self.old = old
        self.new = new
        self.watchers = watchers
        self._database = database

    def wait_until_done(self, count: int) -> None:
        self._wait(lambda: self._one("SELECT count(*) FROM jobs WHERE finished_at IS NOT NULL") == count)

    def wait_until_running_on(self, pid: int) -> None:
        """Until a worker has taken something."""
        self._wait(lambda: pid in self.pids())

    def wait_until_all_know(self, api: Api) -> None:
        """All jobs, as they are. api: where those that are cut come back."""
        self._wait(lambda: self._all_know(api))

    def rows(self) -> Rows:
        found = self._database.execute("SELECT id::text, version, status FROM jobs")
        return {job: (version, status) for job, version, status in found}

    def ends(self) -> dict[tuple[str, int, int], int]:
        """How many jobs ended with which status, failures and crashes. A worker may put back what it has no slot for, which makes
        an attempt more."""
        query = "SELECT status, failures, crashes, count(*) FROM jobs GROUP BY 1, 2, 3"
        return {(status, failures, crashes): n for status, failures, crashes, n in self._database.execute(query)}

    def counted(self) -> int:
        """Completions, as counted by the statements that made them: a job that ended twice counts twice."""
        return self._one("SELECT coalesce(sum(completed), 0)::int FROM job_stats")

    def pids(self) -> set[int]:
        """Of the workers that ran something: a worker is named HOST-PID-RANDOM."""
        workers = self._database.execute("SELECT DISTINCT worker_id FROM jobs WHERE worker_id IS NOT NULL")
        return {int(worker.split("-")[-2]) for (worker,) in workers}

    def _all_know(self, api: Api) -> bool:
        self.watchers.hear(api.connect, self.rows)
        return self.watchers.know(self.rows())

    def _one(self, query: Any) -> int:
        row = self._database.execute(query).fetchone()
        return int(row[0]) if row else 0

    @staticmethod
    def _wait(is_so: Callable[[], bool]) -> None:
        ends_at = time.monotonic() + WAIT_SECONDS
        while not is_so():
            assert time.monotonic() < ends_at
            time.sleep(0.05)


@pytest.fixture
def rollout(tmp_path: Path) -> Iterator[Rollout]:
    directory = tmp_path / "previous"
    try:
        previous_release(directory)
    except NoHistory as reason:
        pytest.skip(str(reason))
    watchers = Watchers()
    with (
        databases() as addresses,
        watchers.server,
        psycopg.connect(addresses.database_url, autocommit=True) as database,
    ):
        settings = {
            "DATABASE_URL": addresses.database_url,
            "REDIS_URL": addresses.redis_url,
            "WEBSOCKET_ENDPOINT": watchers.endpoint,
            "STAGE": "local",
            "API_AUTH": "off",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        yield Rollout(Release(directory, settings), Release(ROOT, settings), watchers, database)


@pytest.mark.timeout(300)
def test_old_and_new_serve_one_database_and_every_job_completes_once(rollout: Rollout, tmp_path: Path) -> None:
    old, new = rollout.old, rollout.new
    old.migrate()
    with ExitStack() as leaving:
        old_worker = ExitStack()
        leaving.enter_context(old_worker)
        old_pid = old_worker.enter_context(old.worker(tmp_path / "old-worker.log"))
        old_api = leaving.enter_context(old.api(tmp_path / "old-api.log"))
        for name in WATCHERS[::2]:
            rollout.watchers.join(name, old_api.connect, rollout.rows)
        ids = _submit([old_api], JOBS // 4)
        rollout.wait_until_running_on(old_pid)
        rollout.wait_until_all_know(old_api)

        new.migrate()  # expand: while the old release runs
        together_at = time.monotonic()
        new_api = leaving.enter_context(new.api(tmp_path / "new-api.log"))
        new_pid = leaving.enter_context(new.worker(tmp_path / "new-worker.log"))
        for name in WATCHERS[1::2]:
            rollout.watchers.join(name, new_api.connect, rollout.rows)
        ids += _submit([old_api, new_api], JOBS)
        rollout.wait_until_done(len(ids))
        rollout.wait_until_all_know(new_api)

        old_worker.close()
        together = time.monotonic() - together_at
        for name in WATCHERS:  # as clients do every few minutes: whom nobody knows any more is cut
            new_api.ping(name)
        late = _submit([old_api, new_api], JOBS // 4)  # functions of the old API live on for a while
        rollout.wait_until_done(len(ids) + len(late))
        rollout.wait_until_all_know(new_api)

    assert rollout.ends() == {("COMPLETED", 0, 0): len(ids) + len(late)}
    assert rollout.counted() == len(ids) + len(late)
    assert {old_pid, new_pid} <= rollout.pids()
    # Where the two write events differently, watchers read now and then; and once more when the old release has gone.
    assert max(rollout.watchers.sent_to_read.values()) <= 2 + together / RESYNC_SECONDS


def _submit(apis: list[Api], each: int) -> list[str]:
    """Jobs long enough that every worker gets some."""
    return [
        api.submit(job_type="sleep", payload={"seconds": 0.02}, queue=f"queue-{n % 3}", priority=n % 5)
        for n in range(each)
        for api in apis
    ]
