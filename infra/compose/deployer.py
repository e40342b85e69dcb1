"""The one-shot deployer: ``python -m infra.compose.deployer``. Whatever is there already it leaves as it is."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

from infra.compose.front_door import configuration
from infra.compose.stack import container_stack
from infra.local import aws, console, dashboard, deploy, keys, product
from infra.local.changes import Stamps
from infra.local.stack import Stack
from infra.local.steps import StepFailed, exit_code, step

ADVICE = "Put the cause right and run `docker compose up --wait` again; it goes on from here."


class Deployer:
    """front_door: nginx's configuration, and the port that it listens on."""

    def __init__(self, stack: Stack, front_door: Path, port: int) -> None:
        self._stack = stack
        self._front_door = front_door
        self._port = port
        self._stamps = Stamps(stack.directory / "stamps.json")
        self._settings = hashlib.sha256(json.dumps(stack.settings(), sort_keys=True).encode()).hexdigest()

    def run(self) -> None:
        self._emulator()
        self._product()
        self._apps()
        self._schedules()
        self._dashboard()
        self._open_front_door()
        self._first_key()  # last: it is told once, by whoever comes this far

    def _emulator(self) -> None:
        with step("aws emulator"):
            if not aws.wait_until_ready(self._stack):
                raise StepFailed("The AWS emulator does not answer.", ADVICE)

    def _product(self) -> None:
        with step("migrations"):
            product.migrate(self._stack, ADVICE)
        with step("settings") as now:
            if not self._stamps.matches("settings", self._settings):
                self._stamps.forget()  # functions read their settings once: new ones are deployed
            now.skipped = not aws.put_settings(self._stack)

    def _apps(self) -> None:
        for app in (deploy.API, deploy.WORKER):
            with step(f"deploy {app.name}") as now:
                now.skipped = not deploy.deploy(self._stack, app, self._stamps)
        self._stamps.put(
            "settings", self._settings
        )  # only now: who is stopped before it deploys all of them the next time

    def _schedules(self) -> None:
        with step("declared schedules"):
            product.apply_schedules(self._stack, ADVICE)

    def _dashboard(self) -> None:
        with step("dashboard upload") as now:
            now.skipped = dashboard.upload(self._stack, self._stamps) == 0

    def _open_front_door(self) -> None:
        with step("front door"):
            self._front_door.write_text(configuration(self._stack, self._port))

    def _first_key(self) -> None:
        if self._stack.auth == "on":
            with step("first API key") as now:
                key = keys.first_key(self._stack)
                now.skipped = key is None
            if key is not None:
                console.say(f"\nThe first API key, an administrator's, told once:\n{key}")


def main() -> int:
    deployer = Deployer(
        container_stack(os.environ), Path(os.environ["FRONT_DOOR_FILE"]), int(os.environ["FRONT_DOOR_PORT"])
    )
    return exit_code(deployer.run)


if __name__ == "__main__":
    sys.exit(main())
