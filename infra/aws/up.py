"""``make deploy``, step by step. Every step looks first, and does only what is missing or has changed."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.aws import fargate, plan, settings, site
from infra.aws.apps import API, SPARE, WORKER, App, has_room, reserved, sizes
from infra.aws.calls import keep_lost_calls, kept_apart
from infra.aws.facts import Facts
from infra.aws.functions import Place, Project
from infra.aws.installing import Installer
from infra.aws.record import api_ids, record
from infra.aws.smoke import Smoke
from infra.aws.stacks import Change, Stack
from infra.aws.stage import Stage
from infra.aws.steps import aws_step
from infra.local import console, dashboard
from infra.local.steps import StepFailed

LAMBDA_PYTHON = ((3, 11), (3, 14))  # oldest and newest that are both ours and Lambda's
CALL_WAITS = {"tick": 60, "run": 300}  # seconds; the next tick comes after a minute
DATABASES = ("AWS::RDS::DBInstance", "AWS::RDS::DBCluster")
FIRST_KEY = "first"
UPGRADES = "They would run on the new schema with their old code: see Upgrades in docs/operations.md."


class Up:
    """Brings one stage up."""

    def __init__(self, stage: Stage, chosen: Mapping[str, str], *, dist: Path | None = None) -> None:
        """dist: a dashboard that is built already."""
        self.stage = stage
        self.facts = Facts(stage, chosen)
        self._chosen = chosen
        self._dist = dist
        self._installer = Installer(stage)
        self.address = ""

    def plan(self) -> None:
        """Says what there is to do. Raises StepFailed before anything is done."""
        with aws_step("look"):
            _check_python()
            self.facts.look()
            lines = self._plan()
        for line in lines:
            console.say(line)

    def _plan(self) -> list[str]:
        stage, lines = self.stage, [""]
        lines.append(f"{stage.name} in {stage.region}, account {stage.account}, as {stage.identity}")
        for concern in self._concerns():
            lines += plan.of_stack(stage, concern, self.facts.values(concern))
        lines += [
            "functions and dashboard     are brought up to date where they have changed",
            *self._room(),
            *self._image(),
        ]
        return [*lines, "", *plan.of_costs(plan.as_options(self.facts.effective(), self._sizes())), ""]

    def _concerns(self) -> list[str]:
        return ["network", "data", "roles", "edge", "alarms", *(["service"] if self._wants_service() else [])]

    def _wants_service(self) -> bool:
        return any(name in self._chosen for name in fargate.OPTIONS) or bool(Stack(self.stage, "service").status())

    def _room(self) -> list[str]:
        if self._has_room():
            return []
        wanted = reserved(self._sizes())
        return [
            f"Functions are not kept apart: {wanted} would be reserved, and this account has not {SPARE} more than that free.",
            "Until Service Quotas raises its limit (Lambda, concurrent executions), a rush can take the others' place.",
        ]

    def _image(self) -> list[str]:
        before = self._service_before()
        complaint = fargate.complaint({**before, **self._chosen, **fargate.built_from(self._chosen, before)})
        return [complaint, UPGRADES] if complaint and before.get("ImageUri") else []

    def _has_room(self) -> bool:
        """New accounts may run ten functions at once, and others may have reserved what ours would take."""
        limits = self.stage.client("lambda").get_account_settings()["AccountLimit"]
        return has_room(limits["UnreservedConcurrentExecutions"] + kept_apart(self.stage), self._sizes())

    def _sizes(self) -> dict[str, int]:
        return sizes(self.facts.sizes_asked())

    def run(self) -> None:
        """After ``plan``. Raises StepFailed; called again it goes on from there."""
        self._stack("network")
        self._data()
        self._write_settings()
        self._stack("roles")
        self._migrate_and_deploy_worker()
        self._deploy(API)
        self._narrow_roles()
        self._call_once()
        self._stack("edge")
        self._dashboard()
        self._stack("alarms")
        self._smoke()
        self._first_key()
        self._write_addresses()
        self._service()
        self._apply_schedules()

    def _data(self) -> None:
        """Protected once it is there: CloudFormation could not clear away what is left of a creation that failed."""
        if not Stack(self.stage, "data").is_there():
            self._stack("data", DeletionProtection="false")
        self._stack("data", DeletionProtection=self._chosen.get("DeletionProtection", "true"))

    def _stack(self, concern: str, **more: str) -> None:
        with aws_step(f"stack {concern}") as now:
            stack = Stack(self.stage, concern)
            changes = stack.put(self.facts.values(concern) | more, check=_keep_databases)
            now.skipped, now.note = not changes, f"{len(changes)} resources" if changes else ""
            self.facts.learn(stack.outputs())

    def _write_settings(self) -> None:
        with aws_step("settings") as now:
            wanted = settings.settings(self.stage, self.facts.known, self.facts.sizes_asked())
            kept = settings.put(self.stage, wanted)
            now.skipped = not kept.is_new
            self.facts.learn({"SettingsSecretArn": kept.arn, "SettingsVersion": settings.version(wanted)})

    def _place(self) -> Place:
        return Place(
            outputs=self.facts.known,
            sizes=self._sizes(),
            reserve=self._has_room(),
            traced=self.facts.effective().get("Tracing") == "yes",
            settings=self.facts.known["SettingsVersion"],
        )

    def _migrate_and_deploy_worker(self) -> None:
        """The schema first; but whoever brings it up to date has to be there, at the very first time with all others."""
        project = Project(self.stage, WORKER, self._place())
        if self._installer.is_there():
            self._migrate(project)
            self._deploy(WORKER)
        else:
            self._deploy(WORKER)
            self._migrate(project)

    def _migrate(self, project: Project) -> None:
        with aws_step("migrations") as now:
            if not project.is_released("migrate"):
                self._installer.renew(project.package())
            missing = self._installer.ask()["missing"]
            now.skipped = not missing
            if missing:
                self._installer.ask(migrate=True)
                now.note = f"{len(missing)} applied"

    def _deploy(self, app: App) -> None:
        with aws_step(f"deploy {app.name}") as now:
            project = Project(self.stage, app, self._place())
            now.skipped = project.is_deployed()
            if not now.skipped:
                project.deploy()
            self.facts.learn(api_ids(record(self.stage, app)))

    def _narrow_roles(self) -> None:
        """Now that there is a WebSocket API, frames may be posted to that one only."""
        self._stack("roles")

    def _call_once(self) -> None:
        with aws_step("lost calls") as now:
            now.skipped = not keep_lost_calls(self.stage, WORKER, CALL_WAITS, self.facts.known["LostCallsArn"])

    def _apply_schedules(self) -> None:
        """Once no former release fires them, in a function or a task, which could not read every rule."""
        with aws_step("declared schedules"):
            self._installer.ask(apply_schedules=True)

    def _dashboard(self) -> None:
        if self._dist is None:
            with aws_step("dashboard build") as now:
                now.skipped = not dashboard.build(self.stage.directory / "logs")
        with aws_step("dashboard upload") as now:
            changed = site.upload(self.stage, self.facts.known["BucketName"], self._dist or dashboard.DIST)
            site.invalidate(self.stage, self.facts.known["DistributionId"], changed)
            now.skipped, now.note = not changed, f"{len(changed)} files" if changed else ""

    def _service(self) -> None:
        if self._wants_service():
            with aws_step("role of ECS") as now:
                now.skipped = not fargate.make_role_of_ecs(self.stage)
            self._stack("service", **fargate.built_from(self._chosen, self._service_before()))
            self._tell_image()

    def _service_before(self) -> dict[str, str]:
        service = Stack(self.stage, "service")
        return service.parameters() if service.is_there() else {}

    def _tell_image(self) -> None:
        if complaint := fargate.complaint(now := Stack(self.stage, "service").parameters()):
            console.say(complaint)
            console.say(fargate.how_to_build(self.stage, self.facts.known["RepositoryUri"], now["Architecture"]))

    def _smoke(self) -> None:
        with aws_step("smoke test") as now:
            has_frames = self.facts.effective().get("Egress") != "endpoints"
            visitor = self._installer.ask(visitor=True)["visitor"]
            now.note = Smoke(self._reachable(), visitor, has_frames=has_frames).run()

    def _reachable(self) -> str:
        """A name of one's own may not point there yet: only now is it known where to."""
        self.address = self.facts.known["Address"]
        own = self.facts.effective().get("DomainName")
        return f"https://{self.facts.known['DistributionDomainName']}" if own else self.address

    def _first_key(self) -> None:
        """Told at once: whatever fails after it, nobody can tell it again."""
        with aws_step("first API key") as now:
            made = self._installer.ask(first_key=FIRST_KEY).get("first_key")
            now.skipped = made is None
        if made is not None:
            console.say(f"\nThe first key, an admin's, told this once: {made}\n")

    def _write_addresses(self) -> None:
        told = ("Address", "DistributionDomainName", "GraphsAddress", "RestApiId", "WebsocketApiId")
        content = {name: self.facts.known[name] for name in told if name in self.facts.known}
        (self.stage.directory / "addresses.json").write_text(json.dumps(content, indent=2) + "\n")


def confirmed(ask: Callable[[str], str]) -> bool:
    return ask("Go on? [y/N] ").strip().lower() in ("y", "yes")


def _keep_databases(changes: list[Change]) -> None:
    """A new database would be an empty one. Raises StepFailed."""
    lost = [change for change in changes if change.kind in DATABASES and (change.replaces or change.action == "Remove")]
    if lost:
        problem = f"This would put a new, empty database in the place of {', '.join(change.name for change in lost)}."
        raise StepFailed(problem, "Deploy another stage with these options and move there: see docs/operations.md.")


def _check_python() -> None:
    oldest, newest = LAMBDA_PYTHON
    if not oldest <= sys.version_info[:2] <= newest:
        problem = (
            f"Functions are deployed for the Python that deploys them, and Lambda has no {sys.version.split()[0]}."
        )
        raise StepFailed(problem, "Try: make deploy PYTHON=python3.13 VENV=.venv313")
