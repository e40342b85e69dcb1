from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec
import psycopg

from chalicelib import resources
from chalicelib.submissions import Submission
from tests.bench.peers.inside.protocol import Driver, payload, serve
from tests.bench.peers.ours import jobs  # noqa: F401 (registers)

os.environ["PREPARE_STATEMENTS"] = "true"  # nothing stands between us and Postgres


class OurDriver(Driver):
    async def prepare(self) -> None:
        resources.migrations().apply()
        resources.maintenance().run_once()  # as any deployment has since its first start
        self.connection = psycopg.connect(os.environ["DATABASE_URL"], autocommit=True)

    async def submit(self, kind: str, number: int) -> None:
        resources.scheduler().submit([_submission(kind, number)])

    async def submit_bulk(self, kind: str, numbers: Sequence[int]) -> None:
        resources.scheduler().submit([_submission(kind, number) for number in numbers])

    async def finished(self) -> int:
        row = self.connection.execute("SELECT count(*) FROM jobs WHERE status = 'COMPLETED'").fetchone()
        assert row is not None
        return int(row[0])


def _submission(kind: str, number: int) -> Submission:
    return Submission(job_type=f"bench_{kind}", payload=msgspec.Raw(msgspec.json.encode(payload(number))))


serve(OurDriver())
