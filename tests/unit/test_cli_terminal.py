"""The command in a process of its own: on a real terminal, in a broken pipe, interrupted."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator

import pytest

from tests.command import JOB_ID, a_job, ago, says, turns
from tests.local_http import Exchange, LocalServer

COMMAND = [sys.executable, "-m", "chalicelib.cli"]
# A shell lets what it starts in the background ignore Ctrl-C, and children inherit that.
INTERRUPTIBLE = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from chalicelib.cli.__main__ import main
main()
"""
STYLES = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture
def server() -> Iterator[LocalServer]:
    with LocalServer({}) as server:
        yield server


def environment(server: LocalServer, **more: str) -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "JOBS_KEY"}}
    return {**inherited, "JOBS_URL": server.url("/api"), "TERM": "xterm-256color", **more}


def on_terminal(server: LocalServer, columns: int, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit status, and all that the terminal got."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    with open(ours, "rb", buffering=0) as screen:  # noqa: PTH123 - a descriptor
        with subprocess.Popen(
            [*COMMAND, *arguments], stdin=theirs, stdout=theirs, stderr=theirs, env=environment(server, **more)
        ) as process:
            os.close(theirs)
            written = b"".join(iter(lambda: _read(screen.fileno()), b""))
        return process.returncode, written.decode().replace("\r\n", "\n")


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # Linux says so when the last writer has left
        return b""


@pytest.mark.parametrize("columns", [30, 60, 80, 200])
def test_no_terminal_is_so_narrow_that_an_id_is_cut(server: LocalServer, columns: int) -> None:
    server.answers["/api/jobs"] = says([a_job("COMPLETED", job_type="a_rather_long_job_type", queue="outgoing-mail")])

    status, screen = on_terminal(server, columns, "list")

    header, row = STYLES.sub("", screen).splitlines()
    assert status == 0
    assert row.split()[:2] == [JOB_ID, "COMPLETED"]
    assert len(row) <= max(columns, 47)
    assert ("outgoing-mail" in row) is (columns == 200)
    assert header.split()[:2] == ["ID", "STATUS"]


def test_colours_are_for_terminals_that_want_them(server: LocalServer) -> None:
    server.answers["/api/jobs"] = says([a_job("COMPLETED")])

    assert "\x1b[32mCOMPLETED" in on_terminal(server, 80, "list")[1]
    assert "\x1b[32m" not in on_terminal(server, 80, "list", NO_COLOR="1")[1]


def test_a_terminal_shows_a_bar_that_ends_with_the_job(server: LocalServer) -> None:
    server.answers[f"/api/jobs/{JOB_ID}"] = turns(
        says(
            a_job("RUNNING", started_at=ago(seconds=3), progress={"fraction": 0.4, "message": "[b]two\x1b[2J"}),
            etag='"1"',
        ),
        says(
            a_job("FAILED", error="ValueError: [b]no\x1b[2J", progress={"fraction": 0.4, "message": None}), etag='"2"'
        ),
    )

    status, screen = on_terminal(server, 80, "watch", JOB_ID)

    assert status == 1
    shown = next(line for line in STYLES.sub("", screen).splitlines() if "FAILED" in line)
    assert f"…{JOB_ID[-8:]} echo FAILED" in shown
    assert "40%" in shown
    assert "ValueError: [b]no\\x1b[2J" in shown
    assert "\x1b[2J" not in screen


@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"]])
def test_a_reader_who_has_left_is_no_reason_for_a_traceback(server: LocalServer, arguments: list[str]) -> None:
    reading, writing = os.pipe()

    def leaves(exchange: Exchange) -> None:
        os.close(reading)
        says([a_job()])(exchange)

    server.answers["/api/jobs"] = leaves
    ran = subprocess.run(
        [*COMMAND, *arguments], stdout=writing, stderr=subprocess.PIPE, check=False, env=environment(server)
    )
    os.close(writing)

    assert (ran.returncode, ran.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("jobs", [["a"], ["a", "b"]])
def test_ctrl_c_ends_a_watch_at_once_and_leaves_the_jobs_alone(server: LocalServer, jobs: list[str]) -> None:
    asked = threading.Event()

    def stalls(exchange: Exchange) -> None:
        asked.set()
        server.over.wait(30)

    for job in jobs:
        server.answers[f"/api/jobs/{job}"] = turns(says(a_job("RUNNING", id=job), etag='"1"'), stalls)

    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "watch", *jobs],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(server),
    ) as process:
        assert asked.wait(10)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=10)

    assert process.returncode == 130
    assert said == f"No longer watched, but not stopped: jobctl watch {' '.join(jobs)}\n"


def test_a_terminal_without_unicode_gets_escapes(server: LocalServer) -> None:
    server.answers["/api/jobs"] = says([a_job(job_type="größe")])

    ran = subprocess.run(
        [*COMMAND, "list"], capture_output=True, check=True, env=environment(server, PYTHONIOENCODING="ascii")
    )

    assert b"gr\\xf6\\xdfe" in ran.stdout
