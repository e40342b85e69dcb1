"""``make destroy``: everything of a stage, in the reverse order. Called again it goes on with what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from infra.aws import settings, site
from infra.aws.apps import API, WORKER, App, sizes
from infra.aws.functions import Place, Project
from infra.aws.record import record
from infra.aws.stacks import Stack
from infra.aws.stage import Stage
from infra.aws.steps import aws_step
from infra.aws.templates import CONCERNS
from infra.local import console
from infra.local.steps import StepFailed

TRIES = 3  # Lambda gives its places in the VPC back after up to twenty minutes, and the network waits for that
GONE = "gone"  # what functions that are to be deleted wear


class Destroy:
    """Takes one stage away."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def plan(self) -> bool:
        """Says what goes, and whether there is anything."""
        with aws_step("look"):
            lines = list(self._plan())
        for line in lines:
            console.say(line)
        return bool(lines)

    def _plan(self) -> Iterator[str]:
        for concern in reversed(CONCERNS):
            if Stack(self.stage, concern).status():
                yield f"{self.stage.stack(concern)} goes{', after a last snapshot of the database' if concern == 'data' else ''}"
        for app in (API, WORKER):
            for resource in record(self.stage, app):
                yield f"{resource['resource_type'].replace('_', ' ')} {resource['name']} of the {app.name} goes"

    def run(self) -> None:
        """Raises StepFailed."""
        self._delete("service")
        self._delete("alarms")
        self._empty_bucket()
        self._delete("edge")
        self._delete_functions(API)
        self._delete_functions(WORKER)
        self._delete_settings()
        self._unprotect()
        self._delete("data")
        self._delete("network", tries=TRIES)
        self._delete("roles")  # last: in them Lambda gives its places in the VPC back, and without them it never could
        self._tell_snapshots()

    def _delete(self, concern: str, *, tries: int = 1) -> None:
        with aws_step(f"stack {concern}") as now:
            now.skipped = not _deleted(Stack(self.stage, concern), tries)

    def _empty_bucket(self) -> None:
        with aws_step("dashboard") as now:
            bucket = Stack(self.stage, "edge").outputs().get("BucketName", "")
            count = site.empty(self.stage, bucket) if bucket else 0
            now.skipped, now.note = count == 0, f"{count} files" if count else ""

    def _delete_functions(self, app: App) -> None:
        with aws_step(f"functions of {app.name}") as now:
            count = Project(self.stage, app, _nowhere(app)).delete()
            now.skipped, now.note = count == 0, f"{count} parts" if count else ""

    def _delete_settings(self) -> None:
        with aws_step("settings") as now:
            now.skipped = not settings.delete(self.stage)

    def _unprotect(self) -> None:
        """Who typed the stage's name has been asked: RDS need not be in the way as well."""
        with aws_step("database's protection") as now:
            data = Stack(self.stage, "data")
            now.skipped = data.parameters().get("DeletionProtection") != "true"
            if not now.skipped:
                data.put({"DeletionProtection": "false"})

    def _tell_snapshots(self) -> None:
        with aws_step("snapshots") as now:
            names = snapshots(self.stage)
            now.skipped = not names
        for name in names:
            console.say(f"The data are in the snapshot {name}. It costs by the GB until somebody deletes it.")


def snapshots(stage: Stage) -> list[str]:
    """Those that a deleted database has left behind."""
    rds, name = stage.client("rds"), f"job-scheduler-{stage.name}"
    instances = _asked(rds.describe_db_snapshots, "DBSnapshots", DBInstanceIdentifier=name, SnapshotType="manual")
    clusters = _asked(
        rds.describe_db_cluster_snapshots, "DBClusterSnapshots", DBClusterIdentifier=name, SnapshotType="manual"
    )
    return [each["DBSnapshotIdentifier"] for each in instances] + [
        each["DBClusterSnapshotIdentifier"] for each in clusters
    ]


def _asked(ask: Callable[..., Any], what: str, **names: str) -> list[dict[str, str]]:
    """Some answer that there are none, and some that there is no such database."""
    try:
        found: list[dict[str, str]] = ask(**names)[what]
    except ClientError as error:
        if not error.response["Error"]["Code"].endswith(("NotFound", "NotFoundFault")):
            raise
        return []
    return found


def _deleted(stack: Stack, tries: int) -> bool:
    try:
        return stack.delete()
    except StepFailed:
        if tries == 1:
            raise
        return _deleted(stack, tries - 1)


def _nowhere(app: App) -> Place:
    """Chalice reads its configuration before it deletes, and heeds nothing of it."""
    outputs = {function.role: GONE for function in app.functions} | {
        "PrivateSubnetIds": GONE,
        "ClientSecurityGroupId": GONE,
    }
    return Place(outputs=outputs, sizes=sizes({}), reserve=False, traced=False, settings="")
