"""Lists of jobs, newest first, by any of the filters that the API offers, in a time that no history makes longer.

Each filter has one source: an index that yields its candidates in the order of their ids. What the index does not know is asked
of the candidates, and of no more than ``REACH`` of them a call. So a page may be short, and then ``stopped_at`` says where the
next one goes on; only None means that there is no more.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, LiteralString
from uuid import UUID

import msgspec

from chalicelib.jobs import Job, JobStatus
from chalicelib.store.database import Database, Row
from chalicelib.store.rows import JOB, as_jobs

REACH = 10_000  # candidates: about 10 ms of reading

Part = Literal["inline", "whole", "none"]  # of payloads and results: only up to 4 KB, all, nothing


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows. None: no condition. before, after: ids, exclusive and inclusive."""

    status: JobStatus | None = None
    unfinished: bool = False
    waits: bool | None = None
    retries: bool | None = None
    queue: str | None = None
    job_type: str | None = None
    tag: str | None = None
    before: UUID | None = None
    after: UUID | None = None
    limit: int = 100


class Page(msgspec.Struct, frozen=True):
    """stopped_at: the cursor of the next page; None: this is the last one."""

    jobs: list[Job]
    stopped_at: UUID | None


class Ids(msgspec.Struct, frozen=True):
    """As ``Page``."""

    ids: list[UUID]
    stopped_at: UUID | None


class JobLists:
    """Reads lists."""

    def __init__(self, database: Database, reach: int = REACH) -> None:
        self._database = database
        self._reach = reach

    def page(self, chosen: JobFilter, payload: Part = "inline", result: Part = "inline") -> Page:
        rows = self._chosen(chosen, JOB + "," + _PARTS["payload", payload] + "," + _PARTS["result", result] + ", NULL")
        jobs = as_jobs(row[2:] for row in rows if row[1] is not None)
        return Page(jobs, _stop(rows, chosen.limit))

    def ids(self, chosen: JobFilter) -> Ids:
        rows = self._chosen(chosen, "job.id")
        return Ids([row[1] for row in rows if row[1] is not None], _stop(rows, chosen.limit))

    def count(self, chosen: JobFilter) -> tuple[int, UUID | None]:
        """Of one reach; and where the next one begins, None: nowhere."""
        ids = self.ids(msgspec.structs.replace(chosen, limit=self._reach))
        return len(ids.ids), ids.stopped_at

    def _chosen(self, chosen: JobFilter, columns: LiteralString) -> list[Row]:
        """Where the reading had to stop, an id, and the columns, of each job; all None but the first where there is no job."""
        name = _source(chosen)
        source = _SOURCES[name]
        return self._database.fetch(
            """
            SELECT stop.id, job.*
              FROM (SELECT (SELECT job.id FROM ("""
            + source
            + """) AS job ORDER BY job.id DESC OFFSET %(reach)s - 1 LIMIT 1) AS id) AS stop
              LEFT JOIN LATERAL (
                SELECT job.id AS key, """
            + columns
            + """
                  FROM (SELECT * FROM ("""
            + source
            + """) AS job ORDER BY job.id DESC LIMIT %(reach)s) AS job
                 WHERE (%(queue)s::text IS NULL OR job.queue = %(queue)s)
                   AND (%(job_type)s::text IS NULL OR job.job_type = %(job_type)s)
                   AND (%(status)s::text IS NULL OR job.status = %(status)s)
                   AND (NOT %(unfinished)s OR job.finished_at IS NULL)
                   AND (%(waits)s::bool IS NULL OR (job.run_at > now()) = %(waits)s)
                   AND (%(retries)s::bool IS NULL OR (job.attempt > 0) = %(retries)s)
                 ORDER BY job.id DESC
                 LIMIT %(limit)s) AS job ON true
             ORDER BY job.key DESC
            """,
            {
                **msgspec.structs.asdict(chosen),
                "before": chosen.before or _HIGHEST,
                "after": chosen.after or _LOWEST,
                "reach": self._reach if _asked(chosen) - _COVERED[name] else chosen.limit,
            },
        )


def _asked(chosen: JobFilter) -> set[str]:
    asked = {"queue": chosen.queue, "job type": chosen.job_type, "status": chosen.status, "waits": chosen.waits}
    asked["tagged unfinished"] = True if chosen.unfinished and chosen.tag else None
    return {name for name, value in asked.items() if value is not None}


def _stop(rows: list[Row], limit: int) -> UUID | None:
    """The last one shown of a full page; of a short one, where the reading stopped."""
    if rows[-1][1] is not None and len(rows) == limit:
        last: UUID = rows[-1][1]
        return last
    stopped_at: UUID | None = rows[0][0]
    return stopped_at


_LOWEST, _HIGHEST = UUID(int=0), UUID(int=2**128 - 1)

_PARTS: Mapping[tuple[str, Part], LiteralString] = {
    # What is over 4 KB is left out (``views.INLINE_BYTES``).
    ("payload", "inline"): "CASE WHEN octet_length(job.payload::text) <= 4096 THEN job.payload END AS payload",
    ("payload", "whole"): "job.payload",
    ("payload", "none"): "NULL::json AS payload",
    ("result", "inline"): "CASE WHEN octet_length(job.result::text) <= 4096 THEN job.result END AS result",
    ("result", "whole"): "job.result",
    ("result", "none"): "NULL::json AS result",
}

Source = Literal["tag", "ended badly", "queue unfinished", "unfinished", "queue finished", "queue", "job type", "all"]


def _source(chosen: JobFilter) -> Source:
    """The most telling of the conditions."""
    match chosen:
        case JobFilter(tag=str()):
            return "tag"
        case JobFilter(status=JobStatus.FAILED | JobStatus.CANCELLED):
            return "ended badly"
        case JobFilter(status=JobStatus.BLOCKED | JobStatus.QUEUED | JobStatus.RUNNING) | JobFilter(unfinished=True):
            return "queue unfinished" if chosen.queue else "unfinished"
        case JobFilter(job_type=str()):
            return "job type"
        case JobFilter(status=JobStatus.COMPLETED, queue=str()):
            return "queue finished"
        case JobFilter(queue=str()):
            return "queue"
        case _:
            return "all"


# The conditions that hold for every candidate of a source.
_COVERED: Mapping[Source, set[str]] = {
    "tag": set(),
    "ended badly": {"status"},
    "queue unfinished": {"queue"},
    "unfinished": set(),
    "queue finished": {"queue"},
    "queue": {"queue"},
    "job type": {"job type"},
    "all": set(),
}

_BETWEEN: LiteralString = " job.id < %(before)s AND job.id >= %(after)s "

# What each source reads, and by which index.
_SOURCES: Mapping[Source, LiteralString] = {
    # job_tags_pkey (tag, job_id), then the job by its id
    "tag": """SELECT job.* FROM job_tags JOIN jobs AS job ON job.id = job_tags.job_id
               WHERE job_tags.tag = %(tag)s AND job_tags.job_id < %(before)s AND job_tags.job_id >= %(after)s""",
    # jobs_ended_badly (ended_badly, id)
    "ended badly": "SELECT * FROM jobs AS job WHERE ended_badly = %(status)s AND" + _BETWEEN,
    # jobs_unfinished (queue, id)
    "queue unfinished": "SELECT * FROM jobs AS job WHERE queue = %(queue)s AND finished_at IS NULL AND" + _BETWEEN,
    # jobs_unfinished_by_id (id)
    "unfinished": "SELECT * FROM jobs AS job WHERE finished_at IS NULL AND" + _BETWEEN,
    # jobs_finished (queue, id)
    "queue finished": "SELECT * FROM jobs AS job WHERE queue = %(queue)s AND finished_at IS NOT NULL AND" + _BETWEEN,
    # jobs_unfinished and jobs_finished, each read as far as both together may be
    "queue": """(SELECT * FROM jobs AS job WHERE queue = %(queue)s AND finished_at IS NULL AND"""
    + _BETWEEN
    + """ORDER BY id DESC LIMIT %(reach)s)
        UNION ALL
        (SELECT * FROM jobs AS job WHERE queue = %(queue)s AND finished_at IS NOT NULL AND"""
    + _BETWEEN
    + "ORDER BY id DESC LIMIT %(reach)s)",
    # jobs_by_type (job_type, id)
    "job type": "SELECT * FROM jobs AS job WHERE job_type = %(job_type)s AND" + _BETWEEN,
    # jobs_pkey
    "all": "SELECT * FROM jobs AS job WHERE" + _BETWEEN,
}
