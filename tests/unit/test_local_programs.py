from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from infra.local.node import is_new_enough
from infra.local.programs import base_environment, programs, render
from infra.local.stack import Stack, find_stack
from infra.local.warm import handshake, masked


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return find_stack({"STACK_DIR": str(tmp_path / "a b 100%"), "PORT": "8100", "AWS_PORT": "4600"})


def sections(stack: Stack) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(render(stack, stack.directory / "socket"))
    return parser


def test_every_program_is_kept_running_and_started_by_us_alone(stack: Stack) -> None:
    parser = sections(stack)

    for program in programs(stack):
        assert parser[f"program:{program.name}"]["autorestart"] == "true"
        assert parser[f"program:{program.name}"]["autostart"] == "false"


def test_percent_signs_are_not_taken_for_expressions(stack: Stack) -> None:
    parser = sections(stack)

    assert "a b 100%%" in parser["program:emulator"]["environment"]
    assert "a b 100%%" in parser["program:valkey"]["command"]


def test_postgres_is_told_to_stop_fast_and_keeps_its_promises(stack: Stack) -> None:
    postgres = sections(stack)["program:postgres"]

    assert postgres["stopsignal"] == "INT"
    assert "fsync" not in postgres["command"]


def test_functions_inherit_nothing_of_a_persons_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "work")
    monkeypatch.setenv("DATABASE_URL", "elsewhere")

    assert not {"AWS_PROFILE", "DATABASE_URL"} & base_environment().keys()


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("v18.20.0", False),
        ("v20.18.3", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.12.0", False),
        ("v22.13.1", True),
        ("v24.0.0", True),
        ("v26.1.0", True),
        ("", False),
    ],
)
def test_node_is_the_systems_only_when_the_dashboards_tools_run_on_it(version: str, *, expected: bool) -> None:
    assert is_new_enough(version) == expected


def test_the_warm_up_speaks_websocket() -> None:
    # the nonce and the frame's layout are the examples of RFC 6455, 1.3 and 5.7
    request = handshake(8000, b"the sample nonce")

    assert b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" in request
    assert masked(0x1, b"Hello") == b"\x81\x85\0\0\0\0Hello"
