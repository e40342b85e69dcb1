"""Lists of schedules: filters and pages."""

from __future__ import annotations

import re
from itertools import product
from typing import Any, get_args

import psycopg
import pytest

from chalicelib import pages, wire
from chalicelib.decoding import converted
from chalicelib.schedule_forms import Definition, SchedulesQuery
from chalicelib.schedules import State
from chalicelib.store.database import Database
from chalicelib.store.schedules import ScheduleStore
from chalicelib.submissions import Submission
from chalicelib.timetable import Timetable
from tests.integration.calls import Api, problem
from tests.integration.conftest import explain, listed

NAMES = ["a", "A", "a-b", "a.b", "a:b", "a_b", "ab", "B", "b", "0", "Z9", "z"]


def put(timetable: Timetable, name: str, queue: str = "default", job_type: str = "echo", **fields: Any) -> None:
    job = Submission(job_type=job_type, queue=queue)
    timetable.put(name, Definition(**{"cron": "0 * * * *", "job": job, **fields}))


def names(timetable: Timetable, **query: str) -> list[str]:
    found, _ = timetable.page(converted(query, SchedulesQuery))
    return [each.name for each in found]


def test_schedules_are_found_by_state_by_type_and_by_queue(timetable: Timetable, conn: psycopg.Connection[Any]) -> None:
    for state, job_type, queue in product(get_args(State), ("echo", "fail"), ("a", "b")):
        put(timetable, f"{state}:{job_type}:{queue}", queue, job_type, paused=state == "paused")
    conn.execute("UPDATE schedules SET next_run_at = NULL WHERE name LIKE 'ended%'")
    every = {each.name: each for each in listed(timetable)}

    assert len(every) == 12
    for state in get_args(State):
        assert names(timetable, state=state) == [name for name, each in every.items() if each.state == state]
    assert names(timetable, job_type="fail") == [name for name in every if ":fail:" in name]
    assert names(timetable, queue="b") == [name for name in every if name.endswith(":b")]
    assert names(timetable, state="ended", job_type="echo", queue="a") == ["ended:echo:a"]
    assert names(timetable, queue="nowhere") == []


@pytest.mark.parametrize("limit", [1, 5, len(NAMES), 1_000])
def test_pages_of_schedules_follow_each_other_without_gaps(api: Api, timetable: Timetable, limit: int) -> None:
    for name in NAMES:
        put(timetable, name, "mail")
    put(timetable, "c", "other")

    seen, sizes = walked(api, f"/schedules?queue=mail&limit={limit}")

    assert sorted(seen) == sorted(NAMES)
    assert seen == names(timetable, queue="mail")
    assert sum(sizes) == len(NAMES)
    assert max(sizes) <= limit


def test_a_page_of_large_schedules_ends_early_and_is_linked(
    api: Api, timetable: Timetable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "PAGE_BYTES", 2_500)
    for name in "abcde":
        put(timetable, name)

    seen, sizes = walked(api, "/schedules")

    assert seen == [*"abcde"]
    assert sizes[0] in (2, 3, 4)


def walked(api: Api, path: str) -> tuple[list[str], list[int]]:
    """The names on all pages, and how many each page had."""
    seen: list[str] = []
    sizes: list[int] = []
    while path:
        answer = api.get(path)
        seen += [each["name"] for each in answer.json_body]
        sizes.append(len(answer.json_body))
        path = answer.headers.get("Link", "").partition("<" + wire.BASE)[2].partition(">")[0]
    return seen, sizes


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("state=done", "state"),
        ("job_type=a%20b", "job_type"),
        ("queue=", "queue"),
        ("cursor=a%20b", "cursor"),
        ("cursor=" + "x" * 81, "cursor"),
        ("limit=1001", "limit"),
        ("paused=true", "query"),
    ],
)
def test_a_bad_filter_of_schedules_is_named(api: Api, query: str, path: str) -> None:
    answer = api.get(f"/schedules?{query}")

    assert (answer.status_code, problem(answer)["errors"][0]["path"]) == (422, path)


def test_a_page_looks_up_the_runs_of_its_own_schedules_only(
    timetable: Timetable, database: Database, conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    put(timetable, "s0")
    columns = ", ".join(
        column
        for (column,) in conn.execute(
            "SELECT column_name FROM information_schema.columns WHERE table_name = 'schedules' AND column_name <> 'name'"
        )
    )
    copies = f"SELECT 's' || n, {columns} FROM schedules, generate_series(1, 2000) AS n"
    conn.execute(f"INSERT INTO schedules (name, {columns}) {copies}".encode())
    conn.execute(
        """
        INSERT INTO schedule_runs (schedule, run_at, job_id)
        SELECT name, now() - n * interval '1 hour', gen_random_uuid() FROM schedules, generate_series(1, 12) AS n
        """
    )
    conn.execute("ANALYZE schedules, schedule_runs")
    plans = explain(database, monkeypatch)

    for query in ({}, {"state": "active", "cursor": "s1500", "job_type": "echo"}):
        assert len(ScheduleStore(database).page(converted(query, SchedulesQuery).chosen())) == 100

    for plan in plans:
        looked_up = [int(loops) for loops in re.findall(r"schedule_runs.*loops=(\d+)", plan)]
        assert len(looked_up) >= 3
        assert max(looked_up) <= 101
        assert "Seq Scan on schedule_runs" not in plan
