"""``make up``, step by step. Every step looks first, and does only what is missing or has changed."""

from __future__ import annotations

import dataclasses
import json

from infra.local import aws, dashboard, deploy, keys, product, warm, workers
from infra.local.changes import Stamps
from infra.local.ports import first_free, is_free
from infra.local.stack import Ports, Stack, remember, remembered, setting_of
from infra.local.steps import StepFailed, step
from infra.local.strays import end_strays, owner_of
from infra.local.supervisor import Supervisor

LISTENERS = {"postgres": ["postgres"], "valkey": ["valkey"], "emulator": ["aws", "front"], "worker": []}
MOVABLE = ("postgres", "valkey")
WHAT_NOW = "Put the cause right and run `make up` again; it goes on from here. `make reset` starts from nothing."


class Up:
    """Brings one stack up."""

    def __init__(self, stack: Stack, asked: frozenset[str]) -> None:
        """asked: settings of ports that a person chose just now, which are never moved."""
        self.stack = stack
        self._asked = asked
        self._supervisor = Supervisor(stack)
        self._stamps = Stamps(stack.directory / "stamps.json")
        self._just_started: set[str] = set()
        self.first_key: str | None = None  # of an admin, where there was none and callers need keys

    def run(self) -> None:
        self._supervise()
        self._databases()
        self._emulator()
        self._migrate()
        self._settings()
        self._deploy(deploy.API)
        self._deploy(deploy.WORKER)
        self._worker()
        self._apply_schedules()  # after all that fires them: a former release could not read every rule
        self._write_addresses()
        self._dashboard()
        self._warm_up()
        self._first_key()  # last: it is told once, by whoever comes this far

    def _supervise(self) -> None:
        with step("supervisor") as now:
            now.skipped = self._supervisor.is_running()
            if not now.skipped:
                end_strays(self.stack)
            self._move_busy_ports()
            self._check_new_ports()
            remember(self.stack)
            self.stack.postgres.prepare()
            self.stack.valkey.prepare()
            self._supervisor.ensure()

    def _move_busy_ports(self) -> None:
        """A port nobody asked for is not worth a failure."""
        running = self._supervisor.is_running()
        for name in MOVABLE:
            port = getattr(self.stack.ports, name)
            ours = running and self._supervisor.is_up(name)
            if not ours and not is_free(port) and setting_of(name) not in self._asked:
                ports: Ports = dataclasses.replace(self.stack.ports, **{name: first_free(port)})
                self.stack = dataclasses.replace(self.stack, ports=ports)
                self._supervisor = Supervisor(self.stack)

    def _check_new_ports(self) -> None:
        """Before anything is stopped for the sake of a port that is not to be had."""
        serves = self._supervisor.is_running() and self._supervisor.is_up("emulator")
        known = remembered(self.stack.directory)
        for field in LISTENERS["emulator"]:
            if not serves or known.get(field) != getattr(self.stack.ports, field):
                self._check_free("emulator", field)

    def _databases(self) -> None:
        with step("postgres 18") as now:
            now.skipped = not self._start("postgres")
            self.stack.postgres.wait_until_ready()
            self.stack.postgres.create_database()
        with step("valkey 9") as now:
            now.skipped = not self._start("valkey")
            self.stack.valkey.wait_until_ready()

    def _emulator(self) -> None:
        with step("aws emulator") as now:
            now.skipped = not self._start("emulator")
            if not aws.wait_until_ready(self.stack):
                raise StepFailed("The AWS emulator does not answer.", WHAT_NOW, self.stack.log("emulator"))

    def _start(self, name: str) -> bool:
        """Whether it had to be started."""
        if self._supervisor.is_up(name):
            return False
        for field in LISTENERS[name]:
            self._check_free(name, field)
        self._supervisor.start(name)
        self._just_started.add(name)
        return True

    def _check_free(self, name: str, field: str) -> None:
        port = getattr(self.stack.ports, field)
        if not is_free(port):
            advice = f"Choose another one: make up {setting_of(field)}={first_free(port + 1)}"
            raise StepFailed(f"Port {port}, which the {name} needs, is taken by {_tenant(port)}.", advice)

    def _migrate(self) -> None:
        with step("migrations"):
            product.migrate(self.stack, WHAT_NOW)

    def _apply_schedules(self) -> None:
        with step("declared schedules"):
            product.apply_schedules(self.stack, WHAT_NOW)

    def _settings(self) -> None:
        with step("settings") as now:
            now.skipped = not aws.put_settings(self.stack)
            if not now.skipped and "emulator" not in self._just_started:
                self._forget_old_settings()

    def _forget_old_settings(self) -> None:
        """Functions read them once: those that run are ended with the emulator."""
        self._supervisor.stop("emulator")
        self._supervisor.start("emulator")
        aws.wait_until_ready(self.stack)

    def _first_key(self) -> None:
        if self.stack.auth == "on":
            with step("first API key") as now:
                self.first_key = keys.first_key(self.stack)
                now.skipped = self.first_key is None

    def _deploy(self, app: deploy.App) -> None:
        with step(f"deploy {app.name}") as now:
            now.skipped = not deploy.deploy(self.stack, app, self._stamps)

    def _dashboard(self) -> None:
        if not dashboard.is_there():
            with step("dashboard") as now:
                now.skipped, now.note = True, "there is no frontend/package.json"
            return
        with step("dashboard build") as now:
            now.skipped = not dashboard.build(self.stack.directory / "logs")
        with step("dashboard upload") as now:
            count = dashboard.upload(self.stack, self._stamps)
            now.skipped, now.note = count == 0, f"{count} files" if count else ""

    def _worker(self) -> None:
        with step("worker") as now:
            now.skipped = not self._start("worker")
            if not workers.wait_for_life(self.stack.redis_url):
                raise StepFailed("The worker shows no sign of life.", WHAT_NOW, self.stack.log("worker"))

    def _write_addresses(self) -> None:
        """stack.json, with the programs' process ids."""
        pids = {name: info["pid"] for name, info in self._supervisor.states().items()}
        content = self.stack.addresses() | {"pids": pids | {"supervisor": self._supervisor.pid()}}
        (self.stack.directory / "stack.json").write_text(json.dumps(content, indent=2) + "\n")

    def _warm_up(self) -> None:
        with step("warm up"):
            problem = warm.warm_up(self.stack)
            if problem:
                raise StepFailed(problem, WHAT_NOW, self.stack.log("emulator"))


def _tenant(port: int) -> str:
    directory = owner_of(port)
    return f"the stack in {directory} (`make down STACK_DIR={directory}` stops it)" if directory else "another program"
