from __future__ import annotations

import time
from typing import Any

import psycopg
import pytest

from chalicelib.errors import StoreUnavailable, Unstorable
from chalicelib.store.database import Database
from infra.local.services import Addresses


def test_a_connection_that_was_cut_while_idle_is_replaced_unnoticed(
    database: Database, conn: psycopg.Connection[Any]
) -> None:
    ((pid,),) = database.fetch("SELECT pg_backend_pid()")
    conn.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])

    ((successor,),) = database.fetch("SELECT pg_backend_pid()")

    assert successor != pid


def test_a_connection_that_breaks_in_a_statement_says_so_and_the_next_one_works(database: Database) -> None:
    with pytest.raises(StoreUnavailable):
        database.fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    assert database.fetch("SELECT 1") == [(1,)]


def test_a_value_that_postgres_cannot_hold_is_not_taken_for_an_outage(database: Database) -> None:
    with pytest.raises(Unstorable):
        database.fetch("SELECT %(deep)s::jsonb", {"deep": "[" * 50_000 + "]" * 50_000})
    with pytest.raises(Unstorable):
        database.fetch("SELECT %(huge)s::jsonb", {"huge": "1e999999"})


def test_a_server_that_does_not_answer_is_not_waited_for(addresses: Addresses) -> None:
    database = Database(addresses.database_url, patience_seconds=0.3)
    began = time.monotonic()

    with pytest.raises(StoreUnavailable, match="expired"):
        database.fetch("SELECT pg_sleep(20)")

    assert time.monotonic() - began < 5
    assert database.fetch("SELECT 1") == [(1,)]
    database.close()
