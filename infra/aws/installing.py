"""Work next to the database, which only functions in the VPC reach: the worker's ``migrate`` does it, and answers.

The rule for a schema that changes while a stage works: expand, deploy, contract. A release's migrations only add, so that the
release before it goes on working; they run first, by the new code of this one function, while all others still are the old
ones. Then the new functions take over. What the old ones needed is taken away by a migration of a later release.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.apps import WORKER
from infra.aws.stage import Stage
from infra.local.steps import StepFailed

PATIENCE_SECONDS = (
    910  # a little longer than a Lambda may run; and asked once, because a key that nobody heard of is lost
)
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
        """The new release's code, for this function before all others."""
        self._functions.update_function_code(FunctionName=self.function, ZipFile=package.read_bytes())
        self._functions.get_waiter("function_updated_v2").wait(FunctionName=self.function)

    def ask(self, **wishes: object) -> Done:
        """See ``chalicelib.installation``. Raises StepFailed."""
        try:
            self._functions.get_waiter("function_active_v2").wait(FunctionName=self.function)
            answer = self._functions.invoke(FunctionName=self.function, Payload=json.dumps(wishes).encode())
        except (BotoCoreError, ClientError) as error:
            raise StepFailed(f"{self.function} cannot be called: {error}", self._advice) from error
        content = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise StepFailed(f"{self.function} failed: {_reason(content)}", self._advice)
        done: Done = content
        return done

    @property
    def _advice(self) -> str:
        return ADVICE.format(function=self.function)


def _reason(content: Any) -> str:
    return f"{content.get('errorType', '')}: {content.get('errorMessage', content)}"
