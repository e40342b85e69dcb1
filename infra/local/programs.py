"""The four programs of a stack, and the supervisor's configuration for them.

Each carries a digest of its sources in its environment, so that a changed source is a changed configuration: the supervisor
then knows what to restart. Each also carries the stack's directory, by which strays are recognised.
"""

from __future__ import annotations

import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from infra.local import accounts, postgres, valkey
from infra.local.changes import digest
from infra.local.stack import ACCESS_KEY, REGION, ROOT, Stack

STACK_MARK = "JOB_SCHEDULER_STACK"
PROGRAM_MARK = "JOB_SCHEDULER_PROGRAM"
CONCURRENT_FUNCTIONS = 20  # each may be a process of 60-80 MB, and long polls hold some for seconds
LOG_BYTES = "10MB"


@dataclass(frozen=True, kw_only=True)
class Program:
    """One program that the supervisor keeps running."""

    name: str
    command: list[str]
    directory: Path = ROOT
    environment: dict[str, str] = field(default_factory=dict)
    stop_signal: str = "TERM"
    stop_seconds: int = 20
    uid: int | None = None


def programs(stack: Stack) -> list[Program]:
    """In the order in which they start; they stop in the other."""
    return [_postgres(stack), _valkey(stack), _emulator(stack), _worker(stack)]


def base_environment() -> dict[str, str]:
    """What every program gets: nothing of a person's own settings, which functions would inherit."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL", "TZ") if name in os.environ}
    return {"PATH": os.defpath, "HOME": "/"} | kept


def render(stack: Stack, socket: Path) -> str:
    """The supervisor's configuration file."""
    return "\n".join([_supervisor(stack, socket), *(_section(stack, program) for program in programs(stack))])


def _postgres(stack: Stack) -> Program:
    signal = postgres.STOP_SIGNAL.name.removeprefix("SIG")
    command = stack.postgres.command()
    return Program(
        name="postgres",
        command=command,
        directory=Path("/"),
        stop_signal=signal,
        stop_seconds=60,
        uid=accounts.server_uid(),
    )


def _valkey(stack: Stack) -> Program:
    signal = valkey.STOP_SIGNAL.name.removeprefix("SIG")
    return Program(name="valkey", command=stack.valkey.command(), stop_signal=signal)


def _emulator(stack: Stack) -> Program:
    command = [sys.executable, "-m", "infra.local.emulator", "--front-port", str(stack.ports.front)]
    command += ["--functions-log", str(stack.log("functions"))]
    return Program(name="emulator", command=command, environment=_emulator_settings(stack), stop_seconds=30)


def _emulator_settings(stack: Stack) -> dict[str, str]:
    home = stack.directory / "aws"
    return {
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(stack.ports.aws),
        "TMPDIR": str(home / "tmp"),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home / "state"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home / "s3"),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LAMBDA_ACCOUNT_CONCURRENCY": str(CONCURRENT_FUNCTIONS),
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": ACCESS_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "SOURCES": digest(sorted((ROOT / "infra" / "local").glob("*.py"))),
    }


def _worker(stack: Stack) -> Program:
    sources = digest([ROOT / "chalicelib", ROOT / "worker_fn" / "__main__.py", ROOT / "requirements.txt"])
    environment = stack.settings() | stack.aws_environment() | {"STAGE": "local", "SOURCES": sources}
    command = [sys.executable, "-m", "worker_fn", "--concurrency", "16"]
    return Program(name="worker", command=command, environment=environment, stop_seconds=60)


def _supervisor(stack: Stack, socket: Path) -> str:
    return f"""\
[supervisord]
logfile={_quoted(stack.log("supervisor"))}
logfile_maxbytes={LOG_BYTES}
pidfile={_quoted(stack.directory / "supervisor.pid")}
directory={_quoted(ROOT)}
{_privileges()}

[unix_http_server]
file={_quoted(socket)}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
"""


def _privileges() -> str:
    """The supervisor asks root to say that root is meant."""
    return "user=root" if os.geteuid() == 0 else ""


def _section(stack: Stack, program: Program) -> str:
    marks = {STACK_MARK: str(stack.directory), PROGRAM_MARK: program.name}
    pairs = (program.environment | marks).items()
    environment = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(pairs))
    user = "" if program.uid is None else f"user={program.uid}\n"
    return f"""\
[program:{program.name}]
command={_escaped(shlex.join(program.command))}
directory={_quoted(program.directory)}
environment={environment}
{user}autostart=false
autorestart=true
startsecs=1
startretries=100
stopsignal={program.stop_signal}
stopwaitsecs={program.stop_seconds}
redirect_stderr=true
stdout_logfile={_quoted(stack.log(program.name))}
stdout_logfile_maxbytes={LOG_BYTES}
stdout_logfile_backups=2
"""


def _quoted(path: Path) -> str:
    return _escaped(str(path))


def _escaped(value: str) -> str:
    """A percent sign starts one of the supervisor's own expressions."""
    return value.replace("%", "%%").replace('"', '\\"')
