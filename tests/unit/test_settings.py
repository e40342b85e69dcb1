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
