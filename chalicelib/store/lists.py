"""Lists of jobs, newest first, by any of the filters that the API offers, in a time that no history makes longer.

Each filter has one source: an index that yields its candidates in the order of their ids. What the index does not know is asked
of the candidates, and of no more than ``REACH`` of them a call. So a page may be short, and then ``stopped_at`` says where the
next one goes on; only None means that there is no more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Literal, LiteralString
from uuid import UUID

import msgspec

from chalicelib.jobs import Job, JobStatus
from chalicelib.store.database import Database, Row
from chalicelib.store.partitions import first_id_at
from chalicelib.store.rows import JOB, as_jobs

REACH = 10_000  # candidates: about 10 ms of reading
WINDOWS_DAYS = 1, 8, 64  # what is looked at before all the rest
DAY_MS = 24 * 3600 * 1000

Part = Literal["inline", "whole", "none"]  # of payloads and results: only up to 4 KB, all, nothing


class JobFilter(msgspec.Struct, frozen=True, kw_only=True):
    """What a list shows. None: no condition. before, after: ids, exclusive and inclusive.

    waiting: neither finished nor running. elsewhere: in any queue but this.
    """

    status: JobStatus | None = None
    unfinished: bool = False
    waiting: bool = False
    waits: bool | None = None
    retries: bool | None = None
    queue: str | None = None
    elsewhere: str | None = None
    job_type: str | None = None
    tag: str | None = None
    concurrency_key: str | None = None
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
        columns: LiteralString = JOB + "," + _PARTS["payload", payload] + "," + _PARTS["result", result] + ", NULL"
        rows, stopped_at = self._chosen(chosen, columns)
        return Page(as_jobs(row[1:] for row in rows), stopped_at)

    def ids(self, chosen: JobFilter) -> Ids:
        rows, stopped_at = self._chosen(chosen, "job.id")
        return Ids([row[0] for row in rows], stopped_at)

    def _chosen(self, chosen: JobFilter, columns: LiteralString) -> tuple[list[Row], UUID | None]:
        """An id and the columns of each job, newest first, and where to go on.

        The last day is looked at first, then more: a plan for a few partitions is made ten times as fast as one for all.
        """
        rows: list[Row] = []
        for after, before in _windows(chosen):
            left = chosen.limit - len(rows)
            found, stopped_at = self._read(
                msgspec.structs.replace(chosen, after=after, before=before, limit=left), columns
            )
            rows += found
            if len(found) == left:
                return rows, rows[-1][0]
            if stopped_at is not None:
                return rows, stopped_at
        return rows, None

    def _read(self, chosen: JobFilter, columns: LiteralString) -> tuple[list[Row], UUID | None]:
        source = _source(chosen)
        if _asked(chosen) <= _COVERED[source]:
            return self._read_all(source, chosen, columns), None
        return self._read_some(source, chosen, columns, min(self._reach, _REACHES.get(source, REACH)))

    def _read_all(self, source: Source, chosen: JobFilter, columns: LiteralString) -> list[Row]:
        """Where every candidate is what we look for."""
        return self._database.fetch(
            "SELECT job.id, "
            + columns
            + " FROM ("
            + _SOURCES[source]
            + ") AS job"
            + _ORDERS.get(source, _BY_KEY)
            + "LIMIT %(limit)s",
            {**msgspec.structs.asdict(chosen), "reach": chosen.limit},
        )

    def _read_some(
        self, source: Source, chosen: JobFilter, columns: LiteralString, reach: int
    ) -> tuple[list[Row], UUID | None]:
        """In one statement, because in another one the candidates would be others."""
        candidates, order = _SOURCES[source], _ORDERS.get(source, _BY_KEY)
        rows = self._database.fetch(
            """
            SELECT stop.id, job.*
              FROM (SELECT (SELECT job.id FROM ("""
            + _IDS.get(source, candidates)
            + ") AS job"
            + order
            + """OFFSET %(reach)s - 1 LIMIT 1) AS id) AS stop
              LEFT JOIN LATERAL (
                SELECT job.id AS key, """
            + columns
            + """
                  FROM (SELECT * FROM ("""
            + candidates
            + ") AS job"
            + order
            + """LIMIT %(reach)s) AS job
                 WHERE (%(queue)s::text IS NULL OR job.queue = %(queue)s)
                   AND (%(job_type)s::text IS NULL OR job.job_type = %(job_type)s)
                   AND (%(concurrency_key)s::text IS NULL OR job.concurrency_key = %(concurrency_key)s)
                   AND (%(status)s::text IS NULL OR job.status = %(status)s)
                   AND (NOT %(unfinished)s OR job.finished_at IS NULL)
                   AND (NOT %(waiting)s OR job.status IN ('QUEUED', 'BLOCKED'))
                   AND (%(elsewhere)s::text IS NULL OR job.queue <> %(elsewhere)s)
                   AND (%(waits)s::bool IS NULL OR (job.run_at > now()) = %(waits)s)
                   AND (%(retries)s::bool IS NULL OR (job.attempt > 0) = %(retries)s)
                """
            + order
            + """LIMIT %(limit)s) AS job ON true
             ORDER BY job.key DESC
            """,
            {**msgspec.structs.asdict(chosen), "reach": reach},
        )
        return [row[1:] for row in rows if row[1] is not None], rows[0][0]


def _windows(chosen: JobFilter) -> Iterator[tuple[UUID, UUID]]:
    """Ranges of ids, from inclusive, to exclusive, newest first, that make up the whole."""
    first, end = chosen.after or _LOWEST, chosen.before or _HIGHEST
    newest = min(end, first_id_at(datetime.now(UTC)))
    for days in WINDOWS_DAYS:
        start = max(first, UUID(int=max(0, newest.int - (days * DAY_MS << 80))))
        if start < end:
            yield start, end
            end = start
    if first < end:
        yield first, end


def _asked(chosen: JobFilter) -> set[str]:
    asked = {
        "queue": chosen.queue,
        "job type": chosen.job_type,
        "status": chosen.status,
        "waits": chosen.waits,
        "unfinished": chosen.unfinished or None,
        "concurrency key": chosen.concurrency_key,
        "waiting": chosen.waiting or None,
        "elsewhere": chosen.elsewhere,
    }
    return {name for name, value in asked.items() if value is not None}


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
        case (
            JobFilter(status=JobStatus.BLOCKED | JobStatus.QUEUED | JobStatus.RUNNING)
            | JobFilter(unfinished=True)
            | JobFilter(waiting=True)
        ):
            return "queue unfinished" if chosen.queue else "unfinished"
        case JobFilter(job_type=str()):
            return "job type"
        case JobFilter(status=JobStatus.COMPLETED, queue=str()):
            return "queue finished"
        case JobFilter(queue=str()):
            return "queue"
        case _:
            return "all"


# Those that are found by their tags cost twenty times as much.
_REACHES: Mapping[Source, int] = {"tag": REACH // 20}

# The conditions that hold for every candidate of a source.
_COVERED: Mapping[Source, set[str]] = {
    "tag": set(),
    "ended badly": {"status"},
    "queue unfinished": {"queue", "unfinished"},
    "unfinished": {"unfinished"},
    "queue finished": {"queue"},
    "queue": {"queue"},
    "job type": {"job type"},
    "all": set(),
}

_BETWEEN: LiteralString = " id < %(before)s AND id >= %(after)s "

# Sources by another column than the id have indexes in an order of their own, NULLS FIRST, which only they can serve (no id is
# null). Statistics know nothing of how a queue's jobs lie among the others: where the index on the id alone fits the order too,
# it is thought to be as good, and then all jobs may be read to find the first.
_BY_ID: LiteralString = " ORDER BY job.id DESC "
_BY_KEY: LiteralString = " ORDER BY job.id DESC NULLS LAST "

_ORDERS: Mapping[Source, LiteralString] = {"tag": _BY_ID, "unfinished": _BY_ID, "all": _BY_ID}

# What each source reads, and by which index.
_SOURCES: Mapping[Source, LiteralString] = {
    # job_tags_pkey (tag, job_id), then the job by its id
    # (OFFSET keeps the planner from joining both as a whole, which reads all jobs where a tag is rare)
    "tag": """SELECT job.*
                FROM (SELECT job_id FROM job_tags
                       WHERE tag = %(tag)s AND job_id < %(before)s AND job_id >= %(after)s
                       ORDER BY job_id DESC LIMIT %(reach)s) AS tagged,
                     LATERAL (SELECT * FROM jobs WHERE id = tagged.job_id OFFSET 0) AS job""",
    # jobs_ended_badly (ended_badly, id)
    "ended badly": "SELECT * FROM jobs WHERE ended_badly = %(status)s AND" + _BETWEEN,
    # jobs_unfinished (queue, id)
    "queue unfinished": "SELECT * FROM jobs WHERE queue = %(queue)s AND finished_at IS NULL AND" + _BETWEEN,
    # jobs_unfinished_by_id (id)
    "unfinished": "SELECT * FROM jobs WHERE finished_at IS NULL AND" + _BETWEEN,
    # jobs_finished (queue, id)
    "queue finished": "SELECT * FROM jobs WHERE queue = %(queue)s AND finished_at IS NOT NULL AND" + _BETWEEN,
    # jobs_unfinished and jobs_finished, each read as far as both together may be
    "queue": "(SELECT * FROM jobs AS job WHERE queue = %(queue)s AND finished_at IS NULL AND"
    + _BETWEEN
    + _BY_KEY
    + "LIMIT %(reach)s) UNION ALL (SELECT * FROM jobs AS job WHERE queue = %(queue)s AND finished_at IS NOT NULL AND"
    + _BETWEEN
    + _BY_KEY
    + "LIMIT %(reach)s)",
    # jobs_by_type (job_type, id)
    "job type": "SELECT * FROM jobs WHERE job_type = %(job_type)s AND" + _BETWEEN,
    # jobs_pkey
    "all": "SELECT * FROM jobs WHERE" + _BETWEEN,
}

# Where ids are to be had for less than their jobs, those of deleted jobs included.
_IDS: Mapping[Source, LiteralString] = {
    "tag": """SELECT job_id AS id FROM job_tags
               WHERE tag = %(tag)s AND job_id < %(before)s AND job_id >= %(after)s"""
}
