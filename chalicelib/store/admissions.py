"""Submits that look at other jobs before they add theirs: at those that must not be there already, and at those they wait for.

The order makes it right where there is to be one job. First the keys are locked, in their own order, so that no two submits wait
for each other. Only then the holders are read, by a statement of its own: under READ COMMITTED a statement that has waited for a
lock still sees the jobs as they were before it waited. What follows is decided by rows that nobody else can change in a way that
matters.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

import msgspec

from chalicelib.callers import Deed
from chalicelib.errors import UniqueConflict
from chalicelib.jobs import Job, NewJob
from chalicelib.store.arrays import floats, jsons, uuids
from chalicelib.store.audit import AuditStore
from chalicelib.store.bonds import Bonds
from chalicelib.store.database import Database
from chalicelib.store.holders import PAGE, Firsts, Holder, Holders, changes_another
from chalicelib.store.jobs import KEYS_ARE_KEPT_FOR, JobStore, Once
from chalicelib.store.rows import INLINE, JOB, WHOLE, as_jobs, bounded


class Admission(msgspec.Struct, frozen=True):
    """What became of a submit. ids: of its jobs or of those that stand for them, in the order given."""

    ids: list[UUID]
    new: list[Job]
    replaced: list[Job]


class AdmissionStore:
    """Inserts jobs unless there are such jobs already, and ties them to those that they depend on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def insert(self, jobs: Sequence[NewJob], deed: Deed | None = None, once: Once | None = None) -> Admission | None:
        """As ``JobStore.insert``, for jobs of which some are unique or depend on others. None: ``once`` was used before.

        Of several with one key the first is submitted, and the later ones are it. Raises UniqueConflict or UnknownDependency;
        then nothing was written.
        """
        with self._database.together() as together:
            if once is not None and not _take(together, once):
                return None
            admission = _admit(together, jobs, deed)
            if once is not None:
                _note(together, once, admission.ids)
            return admission

    def prune(self, page: int = PAGE) -> int:
        """Forget keys that nobody can hold again: a time is over, or a job COMPLETED or gone. Returns how many.

        What FAILED or was CANCELLED may be revived, and holds its key then.
        """
        gone, seen = 0, page
        while seen == page:
            with self._database.together() as together:
                seen, forgotten = Holders(together).prune(page)
                gone += forgotten
        return gone


def _admit(together: Database, jobs: Sequence[NewJob], deed: Deed | None) -> Admission:
    firsts, table = _firsts(jobs), Holders(together)
    held = table.lock(firsts)
    holders = {key: holder for key, holder in table.known(held, firsts).items() if holder.holds}
    _refuse_changes(jobs, firsts, holders)
    ids = [_stand_in(job, firsts, holders) for job in jobs]
    changed = _replace(together, {holders[key].job_id: firsts[key] for key in holders if changes_another(firsts[key])})
    table.move([firsts[row.key] for row in held if row.key not in holders])
    stand_ins = {job.id: job_id for job, job_id in zip(jobs, ids, strict=True)}
    new = [_standing_on(job, stand_ins) for job in jobs if stand_ins[job.id] == job.id]
    bonds = Bonds(together, jobs)
    bonds.mark(new)
    inserted = _insert(together, new, _naming(deed, new, changed, holders.values()))
    return Admission(ids, bonds.tie(new, inserted), changed)


def _firsts(jobs: Iterable[NewJob]) -> dict[bytes, NewJob]:
    firsts: dict[bytes, NewJob] = {}
    for job in jobs:
        if job.unique is not None:
            firsts.setdefault(job.unique.key, job)
    return firsts


def _refuse_changes(jobs: Sequence[NewJob], firsts: Firsts, holders: Mapping[bytes, Holder]) -> None:
    """Raises UniqueConflict."""
    reasons = {}
    for at, job in enumerate(jobs):
        if job.unique is not None and job.unique.key in holders and firsts[job.unique.key] is job:
            holder = holders[job.unique.key]
            if reason := holder.why_it_stays(job.job_type, job.unique.on_conflict):
                reasons[at] = f"job {holder.job_id} holds this key and cannot be replaced: {reason}"
    if reasons:
        raise UniqueConflict(reasons)


def _stand_in(job: NewJob, firsts: Firsts, holders: Mapping[bytes, Holder]) -> UUID:
    """The job itself, or the one that keeps it out."""
    if job.unique is None:
        return job.id
    holder = holders.get(job.unique.key)
    return firsts[job.unique.key].id if holder is None else holder.job_id


def _standing_on(job: NewJob, stand_ins: Mapping[UUID, UUID]) -> NewJob:
    """The same job, depending on those that stand for the ones it named."""
    if not job.depends_on:
        return job
    return msgspec.structs.replace(
        job, depends_on=[*dict.fromkeys(stand_ins.get(each, each) for each in job.depends_on)]
    )


def _naming(deed: Deed | None, new: Sequence[NewJob], changed: Sequence[Job], holders: Iterable[Holder]) -> Deed | None:
    """The audit tells what was made, what was changed, and what was there already."""
    if deed is None:
        return None
    replaced = {job.id: None for job in changed}
    returned = [holder.job_id for holder in holders if holder.job_id not in replaced]
    return deed.naming(ids=[job.id for job in new], replaced=[*replaced], returned=returned)


def _insert(together: Database, jobs: Sequence[NewJob], deed: Deed | None) -> list[Job]:
    if jobs:
        return JobStore(together).insert(jobs, deed)
    if deed is not None:
        AuditStore(together).write(deed)
    return []


def _replace(together: Database, by_id: Mapping[UUID, NewJob]) -> list[Job]:
    """The new payload, the new time, or both. A delay counts from when the lock was had, not from when the wait for it began: of
    many submits the last one decides, and the job starts no sooner after it than it asked."""
    if not by_id:
        return []
    rows = together.fetch(
        """
        UPDATE jobs AS job
           SET version = version + 1, payload = coalesce(new.payload, job.payload),
               run_at = CASE WHEN new.moves
                             THEN coalesce(new.run_at, nullif(new.delay, 0) * interval '1 second' + statement_timestamp(), now())
                             ELSE job.run_at END
          FROM unnest(%(each)b, %(payloads)b, %(moves)s::boolean[], %(run_ats)b::timestamptz[], %(delays)b)
            AS new (id, payload, moves, run_at, delay)
         WHERE job.id = new.id AND job.id BETWEEN %(first)s AND %(last)s AND job.status IN ('BLOCKED', 'QUEUED')
        RETURNING """
        + JOB
        + (WHOLE if len(by_id) == 1 else INLINE),
        {**bounded([*by_id]), "each": uuids([job_id.bytes for job_id in by_id]), **_replacements(by_id.values())},
    )
    return as_jobs(rows)


def _replacements(jobs: Collection[NewJob]) -> dict[str, object]:
    said = [(job, job.unique.on_conflict) for job in jobs if job.unique is not None]
    return {
        "payloads": jsons([bytes(job.payload) if how.changes_payload else None for job, how in said]),
        "moves": [how.changes_run_at for _, how in said],
        "run_ats": [job.run_at for job, _ in said],
        "delays": floats([job.delay.total_seconds() for job, _ in said]),
    }


def _take(together: Database, once: Once) -> bool:
    """Whether this idempotency key is new. Whoever else brings it waits for us."""
    rows = together.fetch(
        """
        INSERT INTO idempotency_keys AS known (key, fingerprint, job_ids, expires_at)
        VALUES (%(key)s, %(fingerprint)b, '{}', now() + %(kept_for)s)
        ON CONFLICT (key) DO UPDATE SET fingerprint = excluded.fingerprint, expires_at = excluded.expires_at
                              WHERE known.expires_at <= now()
        RETURNING key
        """,
        {"key": once.key, "fingerprint": once.fingerprint, "kept_for": KEYS_ARE_KEPT_FOR},
    )
    return bool(rows)


def _note(together: Database, once: Once, ids: Sequence[UUID]) -> None:
    together.count(
        "UPDATE idempotency_keys SET job_ids = %(ids)b WHERE key = %(key)s",
        {"key": once.key, "ids": uuids([job_id.bytes for job_id in ids])},
    )
