"""A migration widens: the release before it goes on running for a while, on the new schema.

Expand: add what the new code needs, so that the old code need not know of it. Deploy. Contract: take away what no release needs
any more, in a later migration that holds the line ``-- contract: FILE``, with the migration of an earlier release that made it
needless.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.store.migrations import DIRECTORY

MIGRATIONS = sorted(DIRECTORY.glob("*.sql"))
CONTRACT = re.compile(r"^-- contract: (\S+)$", re.MULTILINE)

# Squawk's rules about what another release may rely on; its others are about locks and types. To drop a constraint widens.
NARROWING = {
    "adding-not-nullable-field",
    "adding-required-field",
    "ban-drop-column",
    "ban-drop-database",
    "ban-drop-default",
    "ban-drop-function",
    "ban-drop-not-null",
    "ban-drop-schema",
    "ban-drop-table",
    "ban-drop-type",
    "ban-drop-view",
    "ban-truncate-cascade",
    "changing-column-type",
    "renaming-column",
    "renaming-table",
    "renaming-view",
}
EXAMPLES = {
    "ALTER TABLE jobs ADD COLUMN region text NOT NULL": {"adding-required-field"},
    "ALTER TABLE jobs ALTER COLUMN error SET NOT NULL": {"adding-not-nullable-field"},
    "ALTER TABLE jobs DROP COLUMN error": {"ban-drop-column"},
    "ALTER TABLE jobs ALTER COLUMN tags DROP DEFAULT": {"ban-drop-default"},
    "ALTER TABLE jobs ALTER COLUMN attempt TYPE bigint": {"changing-column-type"},
    "ALTER TABLE jobs RENAME COLUMN error TO problem": {"renaming-column"},
    "ALTER TABLE jobs RENAME TO tasks": {"renaming-table"},
    "DROP TABLE jobs": {"ban-drop-table"},
    "DROP FUNCTION add_counts": {"ban-drop-function"},
    "ALTER TABLE jobs ADD COLUMN region text NOT NULL DEFAULT ''": set[str](),
    "ALTER TABLE jobs ADD COLUMN region text": set[str](),
    "CREATE TABLE regions (name text NOT NULL PRIMARY KEY)": set[str](),
    "ALTER TABLE jobs DROP CONSTRAINT attempts_in_range": set[str](),
}


@pytest.mark.parametrize("migration", MIGRATIONS, ids=lambda migration: migration.stem)
def test_a_migration_takes_nothing_from_the_release_before_it(migration: Path) -> None:
    contract = CONTRACT.search(migration.read_text())

    if contract is None:
        assert narrowed(migration) == set()
    else:
        assert contract[1] in earlier_than(migration), f"{contract[1]} is no earlier migration"


@pytest.mark.parametrize("statement", EXAMPLES)
def test_what_the_release_before_relies_on_is_known(statement: str, tmp_path: Path) -> None:
    migration = tmp_path / "9999.example.sql"
    migration.write_text(f"{statement};\n")

    assert narrowed(migration) == EXAMPLES[statement]


def narrowed(migration: Path) -> set[str]:
    """The rules that it breaks. Raises ValueError where squawk cannot read it."""
    squawk = str(Path(sys.executable).with_name("squawk"))
    done = subprocess.run(
        [squawk, "--reporter", "json", "--pg-version", "18.0", str(migration)],
        capture_output=True,
        text=True,
        check=False,
    )
    broken = {finding["rule_name"] for finding in json.loads(done.stdout)}
    if "syntax-error" in broken:
        raise ValueError(f"{migration.name}: {done.stdout}")
    return broken & NARROWING


def earlier_than(migration: Path) -> list[str]:
    return [each.stem for each in MIGRATIONS if each.name < migration.name]
