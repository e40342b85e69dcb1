from __future__ import annotations

import socket
from pathlib import Path

import pytest

from infra.local import ports
from infra.local.stack import ROOT, find_stack, remember, setting_of
from infra.local.steps import StepFailed


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.socket() as listener:
        listener.bind((ports.LOOPBACK, 0))
        listener.listen()
        port = listener.getsockname()[1]

        assert not ports.is_free(port)
        assert ports.first_free(port) > port
    assert ports.is_free(port)


def test_an_unnamed_stack_lives_in_dot_local_on_the_known_ports() -> None:
    stack = find_stack({"STACK_DIR": ""})  # make exports what nobody set as empty

    assert stack.directory == ROOT / ".local"


def test_asked_ports_win_over_remembered_ones_and_these_over_defaults(tmp_path: object) -> None:
    place = {"STACK_DIR": str(tmp_path)}

    assert find_stack(place).ports.front == 8000
    remember(find_stack(place | {"PORT": "8100", "AWS_PORT": "4600"}))

    assert find_stack(place).url == "http://localhost:8100"
    assert find_stack(place | {"PORT": "8200"}).url == "http://localhost:8200"
    assert find_stack(place).aws_endpoint_url == "http://127.0.0.1:4600"


def test_each_port_has_a_setting_of_its_own() -> None:
    settings = [setting_of(field) for field in ("front", "aws", "postgres", "valkey")]

    assert settings == ["PORT", "AWS_PORT", "PG_PORT", "REDIS_PORT"]


def test_the_websocket_endpoint_is_a_template(tmp_path: object) -> None:
    stack = find_stack({"STACK_DIR": str(tmp_path), "AWS_PORT": "4600"})

    template = stack.settings()["WEBSOCKET_ENDPOINT"]

    assert template.format(api_id="a", stage="api") == "http://127.0.0.1:4600/_aws/execute-api/a/api"


@pytest.mark.parametrize("nonsense", ["80000", "0", "-1", "abc", "8000.0", "\u0663", "9" * 5000])
def test_a_port_that_is_none_is_refused_by_the_name_of_its_setting(tmp_path: Path, nonsense: str) -> None:
    with pytest.raises(StepFailed, match="PORT must be a number from 1 to 65535"):
        find_stack({"STACK_DIR": str(tmp_path), "PORT": nonsense})
