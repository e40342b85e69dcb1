"""Millions of finished rows, made by SQL from one that a peer has left, whatever its columns are.

Triggers rest meanwhile: what they would write or notify belongs to live jobs.
"""

from __future__ import annotations

import psycopg
from psycopg import sql

from tests.bench.comparison.peer import History

AT_ONCE = 500_000  # rows in one statement

Connection = psycopg.Connection[tuple[object, ...]]


def fill(connection: Connection, history: History, total: int) -> int:
    """Until there are ``total`` finished rows. How many were added."""
    connection.execute("SET session_replication_role = replica")
    there_already = _count(connection, history)
    for start in range(there_already, total, AT_ONCE):
        connection.execute(_copy(connection, history, start + 1, min(start + AT_ONCE, total), total))
    return max(total - there_already, 0)


def _count(connection: Connection, history: History) -> int:
    statement = sql.SQL("SELECT count(*) FROM {} WHERE {}").format(_table(history), sql.SQL(history.finished))
    row = connection.execute(statement).fetchone()
    assert row is not None
    assert isinstance(row[0], int)
    return row[0]


def _copy(connection: Connection, history: History, first: int, last: int, total: int) -> sql.Composed:
    """Each column gets the sample's value, but the id."""
    columns = _columns(connection, history)
    return sql.SQL(
        """
          WITH sample AS MATERIALIZED
               (SELECT * FROM {table} WHERE {finished} ORDER BY {id} LIMIT 1)
        INSERT INTO {table} ({columns})
        SELECT {values}
          FROM sample, (VALUES ({total}::bigint)) AS wanted (total), generate_series({first}, {last}) AS n
        """
    ).format(
        table=_table(history),
        finished=sql.SQL(history.finished),
        id=sql.Identifier(history.id_column),
        columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
        values=sql.SQL(", ").join(columns.values()),
        first=first,
        last=last,
        total=total,
    )


def _columns(connection: Connection, history: History) -> dict[str, sql.Composable]:
    """Names and values of all that are not generated. An id without ``new_id`` is left to its own default."""
    schema, _, table = history.table.rpartition(".")
    rows = connection.execute(
        """
        SELECT column_name FROM information_schema.columns
         WHERE table_schema = %s AND table_name = %s AND is_generated = 'NEVER'
        """,
        [schema or "public", table],
    )
    names = [str(name) for (name,) in rows]
    values: dict[str, sql.Composable] = {
        name: sql.Identifier("sample", name) for name in names if name != history.id_column
    }
    if history.new_id:
        values[history.id_column] = sql.SQL(history.new_id)
    return values


def _table(history: History) -> sql.Identifier:
    return sql.Identifier(*history.table.split("."))
