"""The command that runs doctor: what it prints, its JSON, and its exit status."""

from __future__ import annotations

from typing import Any

import msgspec
import psycopg
import pytest

from chalicelib import cli, resources
from chalicelib.findings import Finding, Report, Severity, as_text
from chalicelib.store.database import Database
from infra.local.services import Addresses
from tests.integration.conftest import World, insert
from tests.integration.examination import ALL_CHECKS, Examine, a_doctor, age, examine, of_no_row

__all__ = ["examine"]


@pytest.fixture
def doctor(examine: Examine, database: Database, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resources, "doctor", lambda: a_doctor(database, world.cache))


def test_the_command_says_that_all_is_well(doctor: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["doctor"]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "healthy"
    assert len(lines) == len(ALL_CHECKS) + 1
    assert {line.split()[0] for line in lines[:-1]} == {"ok"}
    assert "\x1b" not in "".join(lines)


def test_the_command_says_what_is_wrong_and_what_to_do(
    doctor: None, world: World, conn: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stranded = insert(world.store)
    age(conn, "6 seconds")
    of_no_row(world)

    assert cli.main(["doctor"]) == 1

    out = capsys.readouterr().out
    assert f"error     {'rows_without_reminders':<26}  1 unfinished jobs" in out
    assert str(stranded.id) in out
    assert "(--repair does it)" in out
    assert out.endswith("\n1 error, 1 warning\n")


def test_the_command_tells_warnings_from_errors(doctor: None, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    of_no_row(world)

    assert cli.main(["doctor"]) == 2
    assert cli.main(["doctor", "--repair"]) == 0
    assert "repaired  reminders_without_rows: removed 1 reminders" in capsys.readouterr().out


def test_the_command_speaks_json(
    doctor: None, world: World, conn: psycopg.Connection[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    stranded = insert(world.store)
    age(conn, "6 seconds")

    assert cli.main(["doctor", "--json"]) == 1

    told = msgspec.json.decode(capsys.readouterr().out)
    assert told["healthy"] is False
    (finding,) = [each for each in told["findings"] if each["severity"] != "ok"]
    assert finding.keys() == {"check", "severity", "found", "count", "samples", "advice", "repairable"}
    assert (finding["check"], finding["count"]) == ("rows_without_reminders", 1)
    assert (finding["samples"], finding["repairable"]) == ([str(stranded.id)], True)

    assert cli.main(["doctor", "--json", "--repair"]) == 0
    told = msgspec.json.decode(capsys.readouterr().out)
    assert (told["healthy"], len(told["repairs"])) == (True, 1)


def test_the_command_examines_what_the_environment_names(
    world: World, examine: Examine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor"]) == 0

    resources._database("doctor").close()


def test_migrate_works_as_ever(addresses: Addresses, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["migrate"]) == 0

    assert capsys.readouterr().out == "applied none; made partitions none\n"
    resources._database("api").close()


def test_every_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["doctor", "--help"]):
        with pytest.raises(SystemExit, match="0"):
            cli.main(arguments)

    out = capsys.readouterr().out
    assert "Bring the schema up to date" in out
    assert "Exit status: 0 all is well" in out


def test_long_lists_are_cut_for_people() -> None:
    finding = Finding(check="c", severity=Severity.WARNING, found="6 things", count=6, samples=["a", "b"], advice="do")

    assert as_text(Report([finding])) == "warning   c  6 things\n             a, b, …\n             → do\n1 warning\n"
