"""Passwords in Secrets Manager that are changed while we run, against servers that ask for one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis
from botocore.exceptions import EndpointConnectionError
from psycopg import sql

from chalicelib import secret as secrets
from chalicelib.errors import QueueUnavailable, SecretUnavailable, StoreUnavailable
from chalicelib.redis_link import RedisLink, connect
from chalicelib.secret import Secret
from chalicelib.store.database import Database
from chalicelib.store.migrations import DIRECTORY, MigrationStore
from infra.local.services import Addresses, databases

FIRST, SECOND = "p/a:s@s?w#o%rd", "another"


class Vault:
    """Secrets Manager, as far as one secret goes."""

    def __init__(self, **login: str) -> None:
        self.login = login
        self.looks = 0

    def fetch(self) -> str:
        self.looks += 1
        if not self.login:
            raise EndpointConnectionError(endpoint_url="https://secretsmanager.example")
        return json.dumps(self.login)


@pytest.fixture(scope="module")
def guarded() -> Iterator[Addresses]:
    """Servers of their own: Postgres asks everybody but its administrator for a password."""
    with databases() as running:
        with psycopg.connect(running.database_url, autocommit=True) as administrator:
            ((rules,),) = administrator.execute("SHOW hba_file").fetchall()
            Path(rules).write_text("host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
            administrator.execute("SELECT pg_reload_conf()")
            administrator.execute("CREATE ROLE scheduler SUPERUSER LOGIN")
        yield running


@pytest.fixture
def address(guarded: Addresses) -> str:
    change_password(guarded, FIRST)
    return guarded.database_url.replace("postgres@", "")


@pytest.fixture
def cache(guarded: Addresses) -> Iterator[redis.Redis]:
    """The administrator's way in, open before a token was asked for."""
    with connect(guarded.redis_url) as administrator:
        administrator.config_set("requirepass", FIRST)
        yield administrator
        administrator.config_set("requirepass", "")


@pytest.fixture(autouse=True)
def _restless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets, "REST_SECONDS", 0.0)


def change_password(guarded: Addresses, password: str) -> None:
    with psycopg.connect(guarded.database_url, autocommit=True) as administrator:
        administrator.execute(sql.SQL("ALTER ROLE scheduler PASSWORD {}").format(password))
        administrator.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'scheduler'")


def test_a_password_that_was_changed_is_read_again_and_nobody_notices(address: str, guarded: Addresses) -> None:
    vault = Vault(username="scheduler", password=FIRST)
    database = Database(address, secret=Secret(vault.fetch))
    assert database.fetch("SELECT current_user::text") == [("scheduler",)]

    change_password(guarded, SECOND)
    vault.login["password"] = SECOND

    assert database.fetch("SELECT current_user::text") == [("scheduler",)]
    assert vault.looks == 2
    database.close()


def test_a_secret_is_read_once_for_all_connections(address: str) -> None:
    vault = Vault(username="scheduler", password=FIRST)
    secret = Secret(vault.fetch)

    for _ in range(3):
        database = Database(address, secret=secret)
        database.fetch("SELECT 1")
        database.close()

    assert vault.looks == 1


def test_a_secret_that_is_behind_the_server_is_not_asked_for_at_every_connection(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(secrets, "REST_SECONDS", 60.0)
    vault = Vault(username="scheduler", password="wrong")
    database = Database(address, secret=Secret(vault.fetch))

    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="password authentication failed"):
            database.fetch("SELECT 1")

    assert vault.looks == 1


def test_a_server_that_is_away_is_no_reason_to_read_the_secret_again(guarded: Addresses) -> None:
    vault = Vault(username="scheduler", password=FIRST)
    database = Database("postgresql://127.0.0.1:1/jobs", secret=Secret(vault.fetch))

    with pytest.raises(StoreUnavailable):
        database.fetch("SELECT 1")

    assert vault.looks == 1


def test_a_secrets_manager_that_is_away_is_an_outage_of_what_it_opens(address: str, cache: redis.Redis) -> None:
    with pytest.raises(StoreUnavailable, match=r"secretsmanager\.example"):
        Database(address, secret=Secret(Vault().fetch)).fetch("SELECT 1")
    with pytest.raises(QueueUnavailable, match=r"secretsmanager\.example"):
        RedisLink(connect(_address(cache), Secret(Vault().fetch))).ping()


def test_a_secret_that_is_no_login_is_said_so_without_its_value() -> None:
    with pytest.raises(SecretUnavailable) as refused:
        Secret(lambda: "hunter2").login()

    assert "hunter2" not in str(refused.value)


def test_migrations_log_in_with_the_secret_too(address: str) -> None:
    database = Database(address, secret=Secret(Vault(username="scheduler", password=FIRST).fetch))

    assert MigrationStore(database).apply() == sorted(path.stem for path in DIRECTORY.glob("*.sql"))
    database.close()


def test_a_token_that_was_changed_is_read_again_and_nobody_notices(cache: redis.Redis) -> None:
    vault = Vault(token=FIRST)
    client = connect(_address(cache), Secret(vault.fetch))
    client.ping()

    cache.config_set("requirepass", SECOND)
    cache.client_kill_filter(_type="normal", skipme=True)
    vault.login["token"] = SECOND

    assert client.ping()
    assert vault.looks == 2


def test_a_wrong_token_opens_nothing(cache: redis.Redis) -> None:
    vault = Vault(token="wrong")
    link = RedisLink(connect(_address(cache), Secret(vault.fetch)))

    for _ in range(2):
        with pytest.raises(QueueUnavailable):
            link.ping()


def _address(cache: redis.Redis) -> str:
    return f"redis://127.0.0.1:{cache.connection_pool.connection_kwargs['port']}/0"
