"""The drill of docs/operations.md on real servers: rows are lost, a dump is loaded beside them, and Redis is made to agree."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from infra.local.postgres import DATABASE, programs
from infra.local.services import ROOT, Addresses, databases

GUIDE = (ROOT / "docs" / "operations.md").read_text()
SUBMIT = """
import msgspec
from chalicelib import resources
from chalicelib.submissions import Submission

resources.scheduler().submit([Submission(job_type="echo", payload=msgspec.Raw(b"{}"))] * 20)
"""
RUN = """
from datetime import timedelta
from chalicelib import resources
from chalicelib.worker import Budget

resources.engine(4, shows_life=False).run(Budget(timedelta(seconds=30), until_empty=True), timedelta(seconds=5))
"""


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Addresses]:
    with databases() as addresses:
        yield addresses


def python(servers: Addresses, *arguments: str) -> subprocess.CompletedProcess[str]:
    settings = {
        "DATABASE_URL": servers.database_url,
        "REDIS_URL": servers.redis_url,
        "API_AUTH": "off",
        "STAGE": "local",
    }
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=ROOT, env=os.environ | settings, capture_output=True, text=True, check=False)


def doctor(servers: Addresses, *options: str) -> Any:
    return json.loads(python(servers, "-m", "chalicelib.cli", "doctor", "--json", *options).stdout)


def postgres(name: str, *arguments: str, said: str = "") -> None:
    subprocess.run([programs() / name, *arguments], input=said, text=True, check=True, capture_output=True)


def written(pattern: str) -> str:
    """The one place in the guide."""
    (found,) = re.findall(pattern, GUIDE, re.DOTALL)
    return str(found)


def test_what_was_dumped_is_restored_and_redis_made_to_agree(servers: Addresses, tmp_path: Path) -> None:
    elsewhere = servers.database_url.removesuffix(DATABASE)
    python(servers, "-m", "chalicelib.cli", "migrate").check_returncode()
    python(servers, "-c", SUBMIT).check_returncode()
    postgres("pg_dump", "--format=custom", "--file", str(tmp_path / "dump"), servers.database_url)
    python(servers, "-c", RUN).check_returncode()  # of the time that will be lost
    python(servers, "-c", SUBMIT).check_returncode()

    with psycopg.connect(servers.database_url, autocommit=True) as frozen:  # a function's that is not running
        postgres("createdb", "--maintenance-db", f"{elsewhere}postgres", "jobs_restored")
        restored = ["--no-owner", "--exit-on-error", "--dbname", f"{elsewhere}jobs_restored"]
        postgres("pg_restore", *restored, str(tmp_path / "dump"))
        swap = written(r"<<'SQL'\n(.+?)\n +SQL\n")
        postgres("psql", "--set", "ON_ERROR_STOP=1", "--dbname", f"{elsewhere}postgres", said=swap)
        with pytest.raises(psycopg.OperationalError):
            frozen.execute("SELECT")
    python(servers, "-c", written(r"-c '([^']+flushall\(\))'")).check_returncode()

    assert doctor(servers)["healthy"] is False
    assert doctor(servers, "--repair")["healthy"] is True
    python(servers, "-c", RUN).check_returncode()
    with psycopg.connect(servers.database_url) as now:
        assert now.execute("SELECT status, count(*) FROM jobs GROUP BY 1").fetchall() == [("COMPLETED", 20)]
