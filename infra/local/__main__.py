"""``python -m infra.local up`` and the other commands below, as the Makefile calls them."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from infra.local import accounts, console
from infra.local.ports import LOOPBACK
from infra.local.programs import programs
from infra.local.stack import Stack, find_stack
from infra.local.steps import StepFailed, explain, step
from infra.local.strays import end_strays
from infra.local.supervisor import Supervisor
from infra.local.up import Up

# a person may have named a directory that holds more than the stack
OURS = {
    "postgres",
    "valkey",
    "aws",
    "logs",
    "ports.json",
    "auth",
    "stack.json",
    "stamps.json",
    "supervisor.conf",
    "deploy.turn",
    "dashboard.turn",
}


def main() -> int:
    _forget_own_account()
    commands: dict[str, Callable[[Stack], int | None]] = {
        "up": up,
        "down": down,
        "reset": reset,
        "status": status,
        "logs": logs,
        "doctor": doctor,
        "stop-worker": stop_worker,
    }
    try:
        return commands[sys.argv[1]](find_stack(os.environ)) or 0
    except StepFailed as failure:
        explain(failure)
        return 1
    except KeyboardInterrupt:
        console.complain("\nInterrupted. `make up` goes on from here; `make down` stops what runs.")
        return 130


def _forget_own_account() -> None:
    """A person's AWS profile, region or token must not reach the emulator, nor our calls to it a proxy."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_PORT"]:
        del os.environ[name]
    for name in ("no_proxy", "NO_PROXY"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name), "localhost", LOOPBACK]))


def up(stack: Stack) -> None:
    began = time.monotonic()
    asked = frozenset(name for name, value in os.environ.items() if name.endswith("PORT") and value)
    with _alone(stack):
        started = Up(stack, asked)
        started.run()
    console.say(f"\nReady in {time.monotonic() - began:.1f} s: {started.stack.url}")
    if started.first_key:
        console.say(f"The first API key, of an admin. It is shown this once: {started.first_key}")


def down(stack: Stack) -> None:
    with _alone(stack):
        _stop(stack)


def reset(stack: Stack) -> None:
    with _alone(stack):
        _stop(stack)
        with step("throw data away"):
            shutil.rmtree(accounts.stand_in(stack.postgres.directory), ignore_errors=True)
            for path in stack.directory.iterdir():
                if path.name in OURS:
                    _remove(path)
        if {path.name for path in stack.directory.iterdir()} <= {"lock", ".gitignore"}:
            shutil.rmtree(stack.directory)


def stop_worker(stack: Stack) -> None:
    """Leave the jobs to the Lambda functions, until the next ``up``."""
    with _alone(stack), step("stop worker") as now:
        supervisor = Supervisor(stack)
        now.skipped = not supervisor.is_running() or not supervisor.is_up("worker")
        if not now.skipped:
            supervisor.stop("worker")


def status(stack: Stack) -> None:
    supervisor = Supervisor(stack)
    if not supervisor.is_running():
        console.say("Nothing runs. Start it with `make up`.")
        return
    for name, info in supervisor.states().items():
        console.say(f"{name:<10} {info['statename']:<9} pid {info['pid'] or '-'}")
    for name, address in stack.addresses().items():
        console.say(f"{name:<17} {address}")


def doctor(stack: Stack) -> int:
    """The product's own doctor, led to this stack. Options follow: ``doctor --json``."""
    if not Supervisor(stack).is_running():
        console.say("Nothing runs. Start it with `make up`.")
        return 1
    command = [sys.executable, "-m", "chalicelib.cli", "doctor", *sys.argv[2:]]
    return subprocess.run(command, env=os.environ | stack.settings()).returncode


def logs(stack: Stack) -> None:
    """Follow what runs until interrupted; where nothing runs, show how it ended."""
    files = [str(file) for file in sorted((stack.directory / "logs").glob("*.log"))]
    runs = Supervisor(stack).is_running()
    with contextlib.suppress(KeyboardInterrupt):
        subprocess.run(["tail", "-n", "20", *(["-F"] if runs else []), *files])
    if not runs:
        console.say("Nothing runs. Start it with `make up`.")


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink()


def _stop(stack: Stack) -> None:
    supervisor = Supervisor(stack)
    if supervisor.is_running():
        for program in reversed(programs(stack)):
            with step(f"stop {program.name}") as now:
                now.skipped = not supervisor.is_up(program.name)
                supervisor.stop(program.name)
        with step("stop supervisor"):
            supervisor.shut_down()
    end_strays(stack)


def _make(directory: Path) -> None:
    """A stack's directory, wherever it is, is nothing that git or a formatter should look into."""
    try:
        if not directory.exists():
            directory.mkdir(parents=True)
            (directory / ".gitignore").write_text("*\n")
    except OSError as error:
        raise StepFailed(f"Cannot write to {directory}: {error.strerror}.", "Choose another STACK_DIR.") from error


@contextlib.contextmanager
def _alone(stack: Stack) -> Iterator[None]:
    """Two commands at once wait for each other."""
    _make(stack.directory)
    with (stack.directory / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    sys.exit(main())
