"""Schedules that are declared in code and in a file, and what a deploy makes of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import psycopg
import pytest

from chalicelib import cli, resources
from chalicelib.declarations import FILE, Applied, Declarations
from chalicelib.errors import BadDeclaration, ScheduleIsDeclared, StoreUnavailable
from chalicelib.handlers import registry as product
from chalicelib.handlers.declared import schedule
from chalicelib.handlers.registry import JobContext, JobType, Registry, job
from chalicelib.schedule_forms import Definition
from chalicelib.schedules import Source
from chalicelib.store.database import Database
from chalicelib.submissions import Submission
from chalicelib.timetable import Timetable
from infra.local.services import Addresses
from tests.integration.calls import Api, problem
from tests.integration.conftest import World, a_scheduler, a_timetable, listed


class Report(msgspec.Struct):
    day: str


class Place:
    """One release: its handlers and its file."""

    def __init__(self, database: Database, world: World, directory: Path) -> None:
        self.registry = Registry()
        self._database = database
        self._world = world
        self.file = directory / "schedules.toml"

    def declares(self, *schedules: Any) -> None:
        """A handler with these above it."""

        def report(payload: Report, context: JobContext) -> None: ...

        job("report", into=self.registry)(report)
        for each in schedules:
            each(report)

    def deploy(self) -> Applied:
        timetable = a_timetable(self._database, a_scheduler(self._database, self._world.cache, self.registry))
        return Declarations(registry=self.registry, timetable=timetable, file=self.file).apply()

    def next_release(self) -> Place:
        return Place(self._database, self._world, self.file.parent)


@pytest.fixture
def place(database: Database, world: World, tmp_path: Path) -> Place:
    return Place(database, world, tmp_path)


H = TypeVar("H", bound=Callable[..., object])


def nightly(place: Place, cron: str | None = "0 2 * * *", **options: Any) -> Callable[[H], H]:
    given = {"zone": "Europe/Paris", "payload": {"day": "today"}, **options}
    return schedule(cron, into=place.registry, **given)


# In code


def test_a_schedule_beside_a_handler_is_named_after_its_job_type(place: Place, timetable: Timetable) -> None:
    place.declares(nightly(place, queue="reports", priority=3, tags=["t"], overlap="skip", concurrency_key="k"))

    applied = place.deploy()

    kept = timetable.get("report")
    assert applied == Applied({"new": ["report"]}, [])
    assert (kept.rules.timing.cron, kept.rules.timing.timezone) == ("0 2 * * *", "Europe/Paris")
    assert (kept.rules.source, kept.rules.overlap, kept.state) == ("code", "skip", "active")
    given = kept.rules.job
    assert (given.job_type, bytes(given.payload), given.queue, given.priority) == (
        "report",
        b'{"day":"today"}',
        "reports",
        3,
    )
    assert (given.tags, given.concurrency_key, given.timeout_seconds) == (["t"], "k", 300.0)


def test_a_schedule_may_stand_above_or_below_the_job_and_several_may(place: Place) -> None:
    @nightly(place, name="above")
    @job("report", into=place.registry)
    @nightly(place, name="below")
    @schedule(interval=timedelta(minutes=5), name="often", payload={"day": "x"}, into=place.registry)
    def report(payload: Report, context: JobContext) -> None: ...

    assert sorted(place.deploy().changes["new"]) == ["above", "below", "often"]


@pytest.mark.parametrize(
    "options",
    [
        {"cron": "61 * * * *"},
        {"zone": "Mars/Phobos"},
        {"interval": timedelta(minutes=5)},
        {"cron": None},
        {"cron": None, "interval": timedelta(milliseconds=1)},
        {"cron": None, "interval": timedelta(seconds=1.5)},
        {"cron": None, "at": datetime(2026, 1, 1)},  # noqa: DTZ001 (that is the fault)
        {"misfire": "maybe"},
        {"overlap": "sometimes"},
        {"catch_up": 101},
        {"name": "a b"},
        {"payload": {"day": 5}},
        {"starts_at": datetime(2027, 1, 1, tzinfo=UTC), "ends_at": datetime(2026, 1, 1, tzinfo=UTC)},
    ],
)
@pytest.mark.parametrize("above", [True, False])
def test_what_cannot_be_meant_is_refused_when_the_handler_is_imported(
    place: Place, options: dict[str, Any], above: bool
) -> None:
    def report(payload: Report, context: JobContext) -> None: ...

    def declare() -> None:
        if above:
            nightly(place, **options)(job("report", into=place.registry)(report))
        else:
            job("report", into=place.registry)(nightly(place, **options)(report))

    with pytest.raises(ValueError):  # noqa: PT011 (of many kinds)
        declare()


def test_two_schedules_of_one_name_are_refused_when_they_are_imported(place: Place) -> None:
    with pytest.raises(ValueError, match="two schedules of one name"):
        place.declares(nightly(place), nightly(place, cron="0 3 * * *"))


def test_a_schedule_beside_no_handler_is_refused_by_the_deploy(place: Place, timetable: Timetable) -> None:
    nightly(place)(lambda payload, context: None)

    with pytest.raises(BadDeclaration, match="add @job"):
        place.deploy()


@pytest.mark.parametrize("options", [{"queue": "a b"}, {"priority": 101}, {"tags": ["x"] * 50}, {"max_attempts": 0}])
def test_what_the_api_would_refuse_is_refused_by_the_deploy(
    place: Place, timetable: Timetable, options: dict[str, Any]
) -> None:
    """And nothing else of it is applied."""
    place.declares(nightly(place, name="a"), nightly(place, name="z", **options))

    with pytest.raises(BadDeclaration, match=r"schedule z: .*no schedule was changed"):
        place.deploy()

    assert listed(timetable) == []


# From one deploy to the next


def test_what_did_not_change_is_not_touched(place: Place, timetable: Timetable) -> None:
    place.declares(nightly(place))
    place.deploy()
    before = timetable.get("report")

    assert place.deploy() == Applied({"unchanged": ["report"]}, [])
    assert timetable.get("report") == before


def test_a_change_keeps_the_next_time_unless_it_is_of_the_times(
    place: Place, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    place.declares(nightly(place))
    place.deploy()
    conn.execute("UPDATE schedules SET next_run_at = now() - interval '1 hour'")
    due = timetable.get("report").next_run_at

    second = place.next_release()
    second.declares(nightly(second, misfire="skip"))
    assert second.deploy().changes == {"changed": ["report"]}
    assert timetable.get("report").next_run_at == due

    third = place.next_release()
    third.declares(nightly(third, cron="0 3 * * *"))
    third.deploy()
    assert timetable.get("report").next_run_at != due


def test_a_deploy_keeps_a_pause_and_its_note(place: Place, timetable: Timetable) -> None:
    place.declares(nightly(place))
    place.deploy()
    timetable.pause("report", "the source is down")

    second = place.next_release()
    second.declares(nightly(second, cron="0 3 * * *"))
    second.deploy()

    kept = timetable.get("report")
    assert (kept.state, kept.paused_note, kept.rules.timing.cron) == ("paused", "the source is down", "0 3 * * *")


def test_what_is_declared_no_more_is_deleted_and_its_jobs_and_runs_stay(
    world: World, place: Place, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    place.declares(nightly(place))
    place.deploy()
    timetable.put("mine", Definition(cron="@daily", job=Submission(job_type="echo")))
    run = timetable.run_now("report")

    assert place.next_release().deploy() == Applied({}, ["report"])

    assert [each.name for each in listed(timetable)] == ["mine"]
    assert world.store.get(run.id).schedule == "report"
    assert conn.execute("SELECT job_id FROM schedule_runs").fetchall() == [(run.id,)]


def test_one_that_was_made_over_the_api_is_taken_over(place: Place, timetable: Timetable) -> None:
    made = timetable.put("report", Definition(cron="@daily", job=Submission(job_type="echo")))
    place.declares(nightly(place))

    assert place.deploy().changes == {"taken over": ["report"]}
    kept = timetable.get("report")
    assert (kept.rules.source, kept.created_at) == (Source.CODE, made.created_at)


def test_a_declared_time_that_is_over_has_ended_and_is_no_mistake(place: Place, timetable: Timetable) -> None:
    place.declares(nightly(place, cron=None, at=datetime(2026, 1, 1, tzinfo=UTC)))

    place.deploy()
    place.deploy()

    assert timetable.get("report").state == "ended"


def test_two_deploys_at_once_are_as_one(
    place: Place, world: World, addresses: Addresses, timetable: Timetable, tmp_path: Path
) -> None:
    databases = [Database(addresses.database_url) for _ in range(2)]
    places = [Place(each, world, tmp_path) for each in databases]
    for each in places:
        each.declares(*(nightly(each, name=f"n{number}") for number in range(20)))
    start = threading.Barrier(2)

    def deploy(each: Place) -> Applied:
        start.wait(10)
        return each.deploy()

    with ThreadPoolExecutor(2) as threads:
        applied = list(threads.map(deploy, places))
    for database in databases:
        database.close()

    assert sorted(kind for each in applied for kind in each.changes) == ["new", "unchanged"]
    assert {each.version for each in listed(timetable)} == {1}


def test_a_deploy_waits_for_the_one_before_it(
    place: Place, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    """Of another release, it may go through them in another order: they would lock each other out."""
    place.declares(nightly(place))
    waiting = "SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with psycopg.connect(addresses.database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute("SELECT pg_advisory_xact_lock(hashtext('job-scheduler schedules'))")
        deploy = thread.submit(place.deploy)
        while not conn.execute(waiting).fetchall():
            assert not deploy.done()
        other.rollback()
        assert deploy.result(10).changes == {"new": ["report"]}


class Cutter(Registry):
    """Cuts the deploy's connection when it comes to its second schedule."""

    def __init__(self, conn: psycopg.Connection[Any]) -> None:
        super().__init__()
        self._conn = conn
        self._asked = 0

    def get(self, name: str) -> JobType:
        self._asked += 1
        if self._asked == 2:
            ((pid,),) = self._conn.execute(
                "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted"
            ).fetchall()
            self._conn.execute("SELECT pg_terminate_backend(%s)", [pid])
            while self._conn.execute("SELECT FROM pg_stat_activity WHERE pid = %s", [pid]).fetchall():
                pass
        return super().get(name)


def test_a_deploy_whose_connection_is_cut_applies_nothing(
    place: Place, timetable: Timetable, conn: psycopg.Connection[Any]
) -> None:
    place.registry = Cutter(conn)
    place.declares(*(nightly(place, name=name) for name in "abc"))

    with pytest.raises(StoreUnavailable):
        place.deploy()

    assert listed(timetable) == []
    assert place.deploy().changes == {"new": ["a", "b", "c"]}


def test_what_somebody_changes_while_it_is_withdrawn_is_deleted_all_the_same(
    place: Place, timetable: Timetable, addresses: Addresses, conn: psycopg.Connection[Any]
) -> None:
    place.declares(nightly(place))
    place.deploy()
    with psycopg.connect(addresses.database_url) as other, ThreadPoolExecutor(1) as thread:
        other.execute("UPDATE schedules SET version = version + 1")
        deploy = thread.submit(place.next_release().deploy)
        while not conn.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
            assert not deploy.done()
        other.commit()
        assert deploy.result(10) == Applied({}, ["report"])

    assert listed(timetable) == []


# In a file

TOML = """
[[schedule]]
name = "poll"
interval_seconds = 300
starts_at = 2026-12-01T00:00:00Z
job = { job_type = "report", payload = { day = "x" }, queue = "q" }

[[schedule]]
name = "nightly"
cron = "@daily"
paused = true
job = { job_type = "report", payload = { day = "y" } }
"""


def test_schedules_in_a_file_are_as_the_api_takes_them(place: Place, timetable: Timetable) -> None:
    place.declares()
    place.file.write_text(TOML)

    assert place.deploy().changes == {"new": ["poll", "nightly"]}
    poll, paused = timetable.get("poll"), timetable.get("nightly")
    assert (poll.rules.source, poll.next_run_at, poll.rules.job.queue) == (
        "file",
        datetime(2026, 12, 1, tzinfo=UTC),
        "q",
    )
    assert paused.state == "paused"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[[schedule]", "is no TOML"),
        ("x = 1", "something else"),
        ("schedule = 1", "something else"),
        ('[[schedule]]\nname = "a"', "required field `job`"),
        ('[[schedule]]\nname = "a"\ncron = "@daily"\nnote = 1\njob = { job_type = "report" }', "unknown field `note`"),
        ('[[schedule]]\nname = "a"\njob = { job_type = "nobody" }\ncron = "@daily"', "unknown job_type"),
        ('[[schedule]]\ncron = "@daily"\njob = { job_type = "report" }', "schedule number 1 in schedules.toml"),
        (
            '[[schedule]]\nname = "a"\nstarts_at = 2026-12-01T00:00:00\ncron = "@daily"\njob = { job_type = "report" }',
            "starts_at",
        ),
        (TOML + TOML, "declared twice"),
    ],
)
def test_a_file_that_cannot_be_meant_changes_nothing(
    place: Place, timetable: Timetable, text: str, reason: str
) -> None:
    place.declares(nightly(place, name="good"))
    place.file.write_text(text)

    with pytest.raises(BadDeclaration, match=reason):
        place.deploy()

    assert listed(timetable) == []


def test_one_name_in_code_and_in_the_file_is_refused(place: Place) -> None:
    place.declares(nightly(place, name="poll"))
    place.file.write_text(TOML)

    with pytest.raises(BadDeclaration, match="poll: is declared twice"):
        place.deploy()


def test_what_the_product_declares_can_be_applied(database: Database, world: World) -> None:
    """The file that is shipped is read too."""
    timetable = a_timetable(database, a_scheduler(database, world.cache, product))
    declarations = Declarations(registry=product, timetable=timetable)

    assert FILE.exists()
    assert set(declarations.apply().changes) <= {"new"}


# Over the API, and by the command


def test_a_declared_schedule_is_changed_where_it_is_declared(
    world: World, place: Place, timetable: Timetable, api: Api
) -> None:
    place.registry.add(world.registry.get("echo"))
    place.file.write_text('[[schedule]]\nname = "a"\ncron = "0 * * * *"\njob = { job_type = "echo" }')
    place.deploy()
    body = b'{"cron":"@daily","job":{"job_type":"echo"}}'

    for answer in (api.call("PUT", "/schedules/a", body), api.call("DELETE", "/schedules/a")):
        assert problem(answer)["code"] == "schedule_is_declared"
        assert "chalicelib/schedules.toml" in problem(answer)["detail"]
    for call in ("pause", "resume", "run"):
        assert api.post(f"/schedules/a/{call}").status_code in (200, 201)
    asked = {"from": "2026-01-01T00:00:00Z", "to": "2026-01-01T02:00:00Z"}
    assert api.post("/schedules/a/backfill", asked).json_body["count"] == 2
    assert api.get("/schedules/a").json_body["source"] == "file"
    with pytest.raises(ScheduleIsDeclared):
        timetable.delete("a")


def test_the_command_says_what_it_did(
    place: Place, database: Database, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    place.declares(nightly(place))
    timetable = a_timetable(database, a_scheduler(database, world.cache, place.registry))
    declarations = Declarations(registry=place.registry, timetable=timetable, file=place.file)
    monkeypatch.setattr(resources, "declarations", lambda: declarations)

    assert cli.main(["schedules", "apply"]) == 0
    assert cli.main(["schedules", "apply"]) == 0
    place.file.write_text("nonsense")
    assert cli.main(["schedules", "apply"]) == 1

    said = capsys.readouterr()
    assert said.out == "schedules: new report\nschedules: unchanged report\n"
    assert "is no TOML" in said.err
