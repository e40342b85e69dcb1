"""The audit as it is read: by whom, what and when, in pages."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import psycopg
import pytest
from uuid_utils.compat import uuid7

from chalicelib import pages, wire
from chalicelib.callers import Caller, Deed, Role
from chalicelib.decoding import converted
from chalicelib.forms import AuditQuery
from chalicelib.store.audit import AuditStore
from chalicelib.store.database import Database
from chalicelib.store.partitions import first_id_at
from tests.integration.calls import Api
from tests.integration.conftest import explain

ANN, BOB = (Caller(id=f"{n}" * 12, name=name, role=Role.ADMIN) for n, name in ((1, "ann"), (2, "bob")))
DAYS = [datetime(2026, 3, day, tzinfo=UTC) for day in (1, 2, 3)]


@pytest.fixture
def audit(database: Database) -> AuditStore:
    return AuditStore(database)


def note(audit: AuditStore, action: str = "submit", caller: Caller = ANN, at: datetime | None = None) -> UUID:
    deed = Deed(
        id=uuid7() if at is None else first_id_at(at), caller=caller, action=action, target="/x", request_id="r"
    )
    audit.write(deed)
    return deed.id


def listed(audit: AuditStore, **query: str) -> list[UUID]:
    return [entry.id for entry in audit.page(converted(query, AuditQuery).chosen()).entries]


def test_the_audit_is_asked_by_kind_by_key_and_by_time(audit: AuditStore) -> None:
    entries = {
        note(audit, action, caller, day + timedelta(hours=hour)): (action, caller, day)
        for day in DAYS
        for hour, (action, caller) in enumerate(product(("submit", "cancel"), (ANN, BOB)))
    }

    def having(**wanted: object) -> list[UUID]:
        kinds = {
            job_id: dict(zip(("action", "caller", "day"), entry, strict=True)) for job_id, entry in entries.items()
        }
        return sorted((each for each, kind in kinds.items() if wanted.items() <= kind.items()), reverse=True)

    assert listed(audit) == having()
    assert listed(audit, action="cancel") == having(action="cancel")
    assert listed(audit, actor="ann") == listed(audit, actor=ANN.id) == having(caller=ANN)
    assert listed(audit, action="cancel", actor="bob", limit="2") == having(action="cancel", caller=BOB)[:2]
    assert listed(audit, since="2026-03-02T00:00:00Z", until="2026-03-03T01:00:00+01:00") == having(day=DAYS[1])
    assert listed(audit, since="2026-03-03T03:00:00Z") == having(day=DAYS[2])[:1]
    assert listed(audit, actor="ann", until="2026-03-02T00:00:00Z") == having(caller=ANN, day=DAYS[0])
    assert listed(audit, until="2026-03-02T00:00:00Z", cursor=str(having()[0])) == having(day=DAYS[0])
    assert listed(audit, actor="anna") == listed(audit, action="x") == listed(audit, since="2027-01-01T00:00:00Z") == []


def test_a_page_ends_where_the_looking_stopped(database: Database) -> None:
    audit = AuditStore(database, reach=4)
    wanted = [note(audit, "cancel"), *(note(audit) for _ in range(9)), note(audit, "cancel")]
    wanted = [wanted[-1], wanted[0]]
    found, sizes, query = [], [], {"action": "cancel"}
    while True:
        page = audit.page(converted(query, AuditQuery).chosen())
        found += [entry.id for entry in page.entries]
        sizes.append(len(page.entries))
        if page.stopped_at is None:
            break
        query["cursor"] = str(page.stopped_at)

    assert found == wanted
    assert sizes == [1, 0, 1]
    assert audit.page(converted({"limit": "11"}, AuditQuery).chosen()).stopped_at == wanted[-1]
    assert audit.page(converted({"limit": "12"}, AuditQuery).chosen()).stopped_at is None


def test_a_page_that_is_full_goes_on_with_what_it_left(database: Database) -> None:
    audit = AuditStore(database, reach=4)
    older, newer = note(audit, "cancel"), note(audit, "cancel")

    first = audit.page(converted({"action": "cancel", "limit": "1"}, AuditQuery).chosen())

    assert [entry.id for entry in first.entries] == [newer]
    assert listed(audit, action="cancel", limit="1", cursor=str(first.stopped_at)) == [older]


def test_pages_keep_what_was_asked_and_end_early_where_they_are_full(
    api: Api, audit: AuditStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 500)
    wanted = [note(audit, "cancel", at=DAYS[1] + timedelta(seconds=n)) for n in range(7)]
    note(audit, "submit")
    note(audit, "cancel")
    seen, sizes = [], []
    path = "/audit?action=cancel&actor=ann&limit=4&since=2026-03-01T00:00:00Z&until=2026-03-03T00:00:00Z"
    while path:
        answer = api.get(path)
        seen += [UUID(entry["id"]) for entry in answer.json_body]
        sizes.append(len(answer.json_body))
        path = answer.headers.get("Link", "").partition("<" + wire.BASE)[2].partition(">")[0]

    assert seen == wanted[::-1]
    assert max(sizes) == 2


def test_no_list_reads_more_of_the_audit_than_it_may(
    database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    conn.execute(
        """
        INSERT INTO audit (id, actor, actor_name, action, target, detail, request_id)
        SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint - n), 12, '0') || '-7000-8000-000000000000')::uuid,
               'a', 'ann', CASE n % 1000 WHEN 7 THEN 'rare' ELSE 'submit' END, '/jobs', '{}', 'r'
          FROM generate_series(1, 20000) AS n
        """
    )
    conn.execute("ANALYZE audit")
    plans = explain(database, monkeypatch)
    audit = AuditStore(database, reach=500)

    for query in ({}, {"action": "rare"}, {"actor": "nobody"}, {"action": "rare", "since": "2020-01-01T00:00:00Z"}):
        audit.page(converted(query, AuditQuery).chosen())

    assert len(plans) == 4
    for plan, most in zip(plans, (100, 500, 500, 500), strict=True):
        assert "Seq Scan on audit" not in plan
        read = [float(rows) * int(loops) for rows, loops in re.findall(r"Scan .*rows=([\d.]+) loops=(\d+)", plan)]
        assert max(read) <= most
