"""Work next to the database, which only functions in the VPC reach: the worker's ``migrate`` does it, and answers.

The rule for a schema that changes while a stage works: expand, deploy, contract. A release's migrations only add, so that the
release before it goes on working; they run first, by the new code of this one function, while all others still are the old
ones. Then the new functions take over. What the old ones needed is taken away by a migration of a later release.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.apps import WORKER
from infra.aws.functions import let_finish
from infra.aws.stage import Stage
from infra.local.steps import StepFailed

PATIENCE_SECONDS = (
    910  # a little longer than a Lambda may run; and asked once, because a key that nobody heard of is lost
)
RUNTIME = f"python{sys.version_info.major}.{sys.version_info.minor}"  # as Chalice chooses it
ADVICE = "What it logged is in CloudWatch, /aws/lambda/{function}. Then run `make deploy` again."
Done = dict[str, Any]


class Installer:
    """The function ``migrate`` of one stage."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self.function = WORKER.function_name(stage.name, "migrate")
        self._functions = stage.client("lambda", read_timeout=PATIENCE_SECONDS, tries=1)

    def is_there(self) -> bool:
        try:
            self._functions.get_function(FunctionName=self.function)
        except self._functions.exceptions.ResourceNotFoundException:
            return False
        return True

    def renew(self, package: Path) -> None:
        """The new release's code, for this function before all others: in the Python that its libraries were built for."""
        let_finish(self._functions, self.function)
        if self._configuration()["Runtime"] != RUNTIME:
            self._change(self._functions.update_function_configuration, Runtime=RUNTIME)
        self._change(self._functions.update_function_code, ZipFile=package.read_bytes())

    def ask(self, **wishes: object) -> Done:
        """See ``chalicelib.installation``. Raises StepFailed."""
        try:
            self._wake()
            answer = self._functions.invoke(FunctionName=self.function, Payload=json.dumps(wishes).encode())
        except (BotoCoreError, ClientError) as error:
            raise StepFailed(f"{self.function} cannot be called: {error}", self._advice) from error
        content = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise StepFailed(f"{self.function} failed: {_reason(content)}", self._advice)
        done: Done = content
        return done

    def _change(self, change: Callable[..., object], **values: object) -> None:
        change(FunctionName=self.function, **values)
        self._functions.get_waiter("function_updated_v2").wait(FunctionName=self.function)

    def _configuration(self) -> dict[str, Any]:
        found: dict[str, Any] = self._functions.get_function_configuration(FunctionName=self.function)
        return found

    def _wake(self) -> None:
        """Lambda puts a function to sleep that nobody called for weeks. A call wakes it, and fails; the waiter alone does not."""
        if self._configuration().get("State") == "Inactive":
            with contextlib.suppress(BotoCoreError, ClientError):
                self._functions.invoke(FunctionName=self.function, Payload=b"{}")
        self._functions.get_waiter("function_active_v2").wait(FunctionName=self.function)

    @property
    def _advice(self) -> str:
        return ADVICE.format(function=self.function)


def _reason(content: Any) -> str:
    return f"{content.get('errorType', '')}: {content.get('errorMessage', content)}"
