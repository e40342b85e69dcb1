from __future__ import annotations

import logging

import msgspec
import pytest

from chalicelib.errors import MissingSettings, UnsafeSettings
from chalicelib.logs import JsonLines
from chalicelib.settings import Settings

ADDRESSES = {"DATABASE_URL": "postgresql://db", "REDIS_URL": "redis://cache"}


def test_the_queues_of_a_worker_are_named_with_commas_between() -> None:
    env = {"DATABASE_URL": "d", "REDIS_URL": "r"}

    assert Settings.from_env(env | {"WORKER_QUEUES": "mail, reports"}).worker_queues == ("mail", "reports")
    assert Settings.from_env(env).worker_queues == ()


def test_everything_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(MissingSettings, match="DATABASE_URL, REDIS_URL"):
        Settings.from_env({})


HOSTS = {
    "DATABASE_HOST": "db.example",
    "DATABASE_SECRET_ID": "a",
    "REDIS_HOST": "cache.example",
    "CACHE_SECRET_ID": "b",
}


def test_a_host_is_reached_with_tls_and_a_login_of_its_secret() -> None:
    settings = Settings.from_env(HOSTS | {"DATABASE_PORT": "5433", "DATABASE_NAME": "other", "REDIS_PORT": "6380"})

    assert settings.database_url == "postgresql://db.example:5433/other?sslmode=require"
    assert settings.redis_url == "rediss://cache.example:6380/0"
    assert (settings.database_secret_id, settings.cache_secret_id) == ("a", "b")


def test_only_what_never_leaves_the_machine_may_go_without_tls() -> None:
    settings = Settings.from_env(HOSTS | {"DATABASE_HOST": "127.0.0.1", "REDIS_HOST": "localhost"})

    assert settings.database_url == "postgresql://127.0.0.1:5432/jobs?sslmode=prefer"
    assert settings.redis_url == "redis://localhost:6379/0"


def test_an_address_with_a_login_in_it_comes_before_a_host_and_a_secret() -> None:
    settings = Settings.from_env(HOSTS | ADDRESSES)

    assert (settings.database_url, settings.redis_url) == ("postgresql://db", "redis://cache")
    assert (settings.database_secret_id, settings.cache_secret_id) == ("", "")


def test_a_host_without_a_secret_is_missing_one() -> None:
    with pytest.raises(MissingSettings, match="DATABASE_SECRET_ID, CACHE_SECRET_ID"):
        Settings.from_env({"DATABASE_HOST": "db.example", "REDIS_HOST": "cache.example"})


def test_private_addresses_are_refused_unless_allowed_in_so_many_words() -> None:
    assert not Settings.from_env(ADDRESSES).allow_private_addresses
    assert not Settings.from_env({**ADDRESSES, "ALLOW_PRIVATE_ADDRESSES": "1"}).allow_private_addresses
    assert Settings.from_env({**ADDRESSES, "ALLOW_PRIVATE_ADDRESSES": "true"}).allow_private_addresses


def test_callers_need_keys_unless_the_local_stage_says_otherwise() -> None:
    assert Settings.from_env(ADDRESSES).auth_is_on
    assert Settings.from_env({**ADDRESSES, "API_AUTH": "no"}).auth_is_on
    assert not Settings.from_env({**ADDRESSES, "API_AUTH": "off", "STAGE": "local"}).auth_is_on


@pytest.mark.parametrize("stage", ["", "prod", "LOCAL"])
def test_no_other_stage_may_let_everybody_in(stage: str) -> None:
    with pytest.raises(UnsafeSettings, match="API_AUTH=off"):
        Settings.from_env({**ADDRESSES, "API_AUTH": "off", "STAGE": stage})


def test_frames_go_to_the_regions_own_gateway_unless_told_otherwise() -> None:
    on_aws = Settings.from_env({**ADDRESSES, "AWS_REGION": "eu-west-1"})

    assert on_aws.websocket_endpoint == "https://{api_id}.execute-api.eu-west-1.amazonaws.com/{stage}"


def test_a_log_line_is_one_json_object_with_what_was_given_as_extra() -> None:
    record = logging.makeLogRecord({"msg": "job moved", "levelname": "INFO", "name": "x", "job_id": "7", "odd": {1, 2}})

    line = JsonLines().format(record)

    assert "\n" not in line
    decoded = msgspec.json.decode(line)
    assert (decoded["message"], decoded["level"], decoded["job_id"]) == ("job moved", "INFO", "7")
