"""A step of a deployment: one line, and AWS's refusals in words that help."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from infra.local.steps import Step, StepFailed, step

AGAIN = "Then run the same command again: it goes on from here."
REMEDIES = {
    "AccessDenied": "Who you are may not do that: ask whoever keeps the account for the action that is named.",
    "AccessDeniedException": "Who you are may not do that: ask whoever keeps the account for the action that is named.",
    "UnauthorizedOperation": "Who you are may not do that: ask whoever keeps the account for the action that is named.",
    "ExpiredToken": "Sign in again: aws sso login.",
    "ExpiredTokenException": "Sign in again: aws sso login.",
    "InvalidClientTokenId": "Sign in again: aws sso login.",
    "LimitExceededException": "The account has a limit that is in the way: Service Quotas shows it, and takes requests.",
    "Throttling": "AWS asks to be called less often: wait a minute.",
}


@contextlib.contextmanager
def aws_step(name: str) -> Iterator[Step]:
    """Raises StepFailed for whatever AWS says no to."""
    with step(name) as now:
        try:
            yield now
        except ClientError as error:
            raise StepFailed(f"{name}: {error}", f"{_remedy(error)} {AGAIN}") from error
        except (BotoCoreError, WaiterError) as error:
            raise StepFailed(f"{name}: AWS cannot be reached, or took too long: {error}", AGAIN) from error


def _remedy(error: ClientError) -> str:
    return REMEDIES.get(error.response["Error"]["Code"], "Put the cause right.")
