"""CloudFormation: one stack, looked at, changed by a change set, or deleted. All of it can be interrupted and called again."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.aws import templates
from infra.aws.stage import Stage
from infra.local.steps import StepFailed

POLL_SECONDS = 3.0
PATIENCE_SECONDS = 3600.0  # Postgres and CloudFront take a quarter of an hour each
UNCHANGED = ("didn't contain changes", "No updates are to be performed")
BURNT = ("ROLLBACK_COMPLETE", "ROLLBACK_FAILED", "CREATE_FAILED")  # of a creation: nothing but deleting is left
NOT_YET = ("", "REVIEW_IN_PROGRESS")  # the second: a change set was made, and nobody went on
COMING_OR_GOING = ("CREATE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS")
ADVICE = "Put the cause right and run `make deploy` again: it goes on from here."
CONSOLE = "The stack's events in CloudFormation's console tell more."


@dataclass(frozen=True)
class Change:
    """What a change set would do to one resource. replaces: by a new one; a database would be empty."""

    action: str
    kind: str
    name: str
    replaces: bool


Check = Callable[[list[Change]], None]


class Stack:
    """One stack of a stage."""

    def __init__(self, stage: Stage, concern: str) -> None:
        self.name = stage.stack(concern)
        self._stage = stage
        self._template = stage.template(concern)
        self._cloud = stage.client("cloudformation")

    def status(self) -> str:
        """Empty: there is none."""
        found = self._describe()
        return str(found["StackStatus"]) if found else ""

    def is_there(self) -> bool:
        """Whether it was made whole once: only then it can be changed."""
        return self.status() not in (*NOT_YET, *BURNT, *COMING_OR_GOING)

    def is_burnt(self) -> bool:
        return self.status() in BURNT

    def is_busy(self) -> bool:
        return _is_busy(self.status())

    def outputs(self) -> dict[str, str]:
        found = self._describe() or {}
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """As they are now."""
        found = self._describe() or {}
        return {each["ParameterKey"]: each.get("ParameterValue", "") for each in found.get("Parameters", [])}

    def preview(self, values: Mapping[str, str]) -> list[Change]:
        """What ``put`` would change. Nothing is kept of it. Only for a stack that is there. Raises StepFailed."""
        self._refuse_stuck(self.status())
        with self._change_set(values) as change_set:
            return [] if change_set is None else self._changes(change_set)

    def put(self, values: Mapping[str, str], *, check: Check = lambda _: None) -> list[Change]:
        """Bring it up to date. Returns what changed. Raises StepFailed.

        values: parameters that are known or chosen. Others stay as they are, or get their defaults. check: looks at the changes
        before they are made, and raises.
        """
        self._settle()
        with self._change_set(values) as change_set:
            if change_set is None:
                return []
            changes = self._changes(change_set)
            check(changes)
            self._cloud.execute_change_set(ChangeSetName=change_set)
            self._wait(("CREATE_COMPLETE", "UPDATE_COMPLETE"))
            return changes

    def delete(self) -> bool:
        """Whether there was one. Raises StepFailed."""
        if not self.status():
            return False
        self._cloud.delete_stack(StackName=self.name)
        self._wait(("",))
        return True

    def _settle(self) -> None:
        """Wait for whoever is at it, and clear away what a failed creation left behind."""
        status = self._until_still()
        if status in BURNT:
            self.delete()
        self._refuse_stuck(status)

    def _refuse_stuck(self, status: str) -> None:
        if status == "DELETE_FAILED":
            raise StepFailed(f"{self.name} is half deleted.", "Finish that first: make destroy")
        if status == "UPDATE_ROLLBACK_FAILED":
            raise StepFailed(
                f"{self.name} is stuck half-way back from an update.", f"{CONSOLE} Continue its rollback there."
            )

    def _until_still(self) -> str:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while _is_busy(status := self.status()):
            if time.monotonic() > deadline:
                raise StepFailed(f"{self.name} is still {status}.", f"{CONSOLE} {ADVICE}")
            time.sleep(POLL_SECONDS)
        return status

    def _wait(self, wanted: tuple[str, ...]) -> None:
        status = self._until_still()
        if status not in wanted:
            raise StepFailed(f"{self.name} is {status}: {self._why()}", ADVICE)

    def _why(self) -> str:
        """The first cause; what failed after it was only cancelled."""
        events = self._cloud.describe_stack_events(StackName=self.name)["StackEvents"]
        causes = [
            f"{event['LogicalResourceId']}: {event.get('ResourceStatusReason', '')}"
            for event in reversed(events)
            if event["ResourceStatus"].endswith("_FAILED") and "cancelled" not in event.get("ResourceStatusReason", "")
        ]
        return causes[-1] if len(causes) == 1 else "; ".join(causes[:3]) or CONSOLE

    @contextlib.contextmanager
    def _change_set(self, values: Mapping[str, str]) -> Iterator[str | None]:
        """Its id; None where it would change nothing. It is gone afterwards, whether it was executed or not."""
        is_new = not self.is_there()
        made = self._cloud.create_change_set(
            StackName=self.name,
            ChangeSetName=f"deploy-{time.time_ns()}",
            ChangeSetType="CREATE" if is_new else "UPDATE",
            TemplateBody=self._template.read_text(),
            Parameters=list(self._values(values)),
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM"],
            Tags=[{"Key": key, "Value": value} for key, value in self._stage.tags.items()],
        )
        try:
            yield made["Id"] if self._is_executable(made["Id"]) else None
        finally:
            with contextlib.suppress(ClientError):  # one that was executed is gone already
                self._cloud.delete_change_set(ChangeSetName=made["Id"])

    def _values(self, values: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        before = self.parameters()
        for name in templates.parameters(self._template):
            if name in values:
                yield {"ParameterKey": name, "ParameterValue": values[name]}
            elif name in before:
                yield {"ParameterKey": name, "UsePreviousValue": True}

    def _is_executable(self, change_set: str) -> bool:
        """False: it would change nothing. Raises StepFailed for one that cannot be made."""
        found = self._cloud.describe_change_set(ChangeSetName=change_set)
        while found["Status"] in ("CREATE_PENDING", "CREATE_IN_PROGRESS"):
            time.sleep(POLL_SECONDS / 3)
            found = self._cloud.describe_change_set(ChangeSetName=change_set)
        reason = found.get("StatusReason") or ""
        if found["Status"] == "FAILED" and not any(words in reason for words in UNCHANGED):
            raise StepFailed(f"{self.name} cannot be changed so: {reason}", ADVICE)
        return bool(found["Status"] != "FAILED")

    def _changes(self, change_set: str) -> list[Change]:
        pages = self._cloud.get_paginator("describe_change_set").paginate(ChangeSetName=change_set)
        found = [change["ResourceChange"] for page in pages for change in page["Changes"]]
        return [
            Change(each["Action"], each["ResourceType"], each["LogicalResourceId"], each.get("Replacement") == "True")
            for each in found
        ]

    def _describe(self) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self._cloud.describe_stacks(StackName=self.name)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        return None if found["StackStatus"] == "DELETE_COMPLETE" else found


def _is_busy(status: str) -> bool:
    return status.endswith("_IN_PROGRESS") and status not in NOT_YET
