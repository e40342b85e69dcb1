"""What a deployment asks of the worker's ``migrate`` function, in a process of its own as on Lambda."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import psycopg
import pytest

from chalicelib.callers import Role
from chalicelib.errors import InvalidInput
from chalicelib.installation import VISIT, asked
from chalicelib.keys import parsed
from chalicelib.store.database import Database
from chalicelib.store.keys import KeyStore
from infra.local.services import ROOT, Addresses
from tests.integration.conftest import World

CALL = "import json, sys; from worker_fn import app; print(json.dumps(app.migrate(json.loads(sys.argv[1]), None)))"


@pytest.fixture(autouse=True)
def _no_keys(conn: psycopg.Connection[Any]) -> None:
    conn.execute("DELETE FROM api_keys")


def invoke(addresses: Addresses, **event: object) -> dict[str, Any]:
    environment = os.environ | {"DATABASE_URL": addresses.database_url, "REDIS_URL": addresses.redis_url}
    called = subprocess.run(
        [sys.executable, "-c", CALL, json.dumps(event)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    answer: dict[str, Any] = json.loads(called.stdout.splitlines()[-1])
    return answer


def test_asked_for_nothing_it_only_looks(world: World, addresses: Addresses) -> None:
    assert invoke(addresses) == {"missing": []}


def test_the_first_key_is_made_where_no_admin_has_one(world: World, addresses: Addresses, database: Database) -> None:
    invoke(addresses, visitor=True)

    first = invoke(addresses, first_key="first")["first_key"]
    again = invoke(addresses, first_key="first")

    found = parsed(first)
    assert found is not None
    (admin,) = [key for key in KeyStore(database).all() if key.role is Role.ADMIN]
    assert admin.id == found[0]
    assert admin.opens_with(found[1])
    assert "first_key" not in again


def test_another_admins_key_is_made_for_whoever_lost_the_first(
    world: World, addresses: Addresses, database: Database
) -> None:
    first = invoke(addresses, first_key="first")["first_key"]
    second = invoke(addresses, admin_key="me")["admin_key"]

    assert first != second
    assert [(key.name, key.role) for key in KeyStore(database).all()] == [("me", Role.ADMIN), ("first", Role.ADMIN)]


def test_a_visitor_may_submit_for_a_quarter_of_an_hour(world: World, addresses: Addresses, database: Database) -> None:
    text = invoke(addresses, visitor=True)["visitor"]

    (key,) = KeyStore(database).all()
    assert text.startswith(f"js_{key.id}_")
    assert key.role is Role.OPERATOR
    assert key.expires_at is not None
    assert key.expires_at - key.created_at <= VISIT


def test_migrations_and_schedules_are_brought_up_to_date(world: World, addresses: Addresses) -> None:
    done = invoke(addresses, migrate=True, apply_schedules=True)

    assert done["missing"] == []
    assert done["schedules"]["deleted"] == []


def test_a_misspelt_wish_is_refused_and_nothing_done() -> None:
    with pytest.raises(InvalidInput, match="migrates"):
        asked({"migrates": True})
