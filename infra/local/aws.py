"""The emulator as seen through AWS clients: readiness, the settings' secret, and what is deployed."""

from __future__ import annotations

import json
import os
import time
import urllib.error
import urllib.request
from typing import Any

from botocore.exceptions import ClientError

from infra.aws.session import session
from infra.local.names import SAVE
from infra.local.stack import REGION, SECRET, Stack

READY_SECONDS = 60


def client(stack: Stack, service: str) -> Any:
    """One that talks to the emulator, whatever a person's own profiles say."""
    os.environ.update(stack.aws_environment())
    return session(REGION).client(service)


OURS = "/_ministack/ready"
LOCALSTACK = "/_localstack/health"


def answers(stack: Stack) -> bool:
    return _answers(stack, OURS) or _answers(stack, LOCALSTACK)


def _answers(stack: Stack, path: str) -> bool:
    try:
        with urllib.request.urlopen(stack.aws_endpoint_url + path, timeout=2) as answer:  # noqa: S310
            return bool(answer.status == 200)
    except OSError:
        return False


def wait_until_ready(stack: Stack) -> bool:
    deadline = time.monotonic() + READY_SECONDS
    while not answers(stack):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True


def save(stack: Stack) -> None:
    """Make our emulator write down what it was told, so that it survives ``kill -9``."""
    if not _answers(stack, OURS):
        return
    request = urllib.request.Request(f"{stack.aws_endpoint_url}{SAVE}", method="POST")  # noqa: S310
    with urllib.request.urlopen(request, timeout=60):  # noqa: S310
        pass


def put_settings(stack: Stack) -> bool:
    """Whether the secret had to be written."""
    secrets = client(stack, "secretsmanager")
    wanted = json.dumps(stack.settings(), sort_keys=True)
    try:
        if secrets.get_secret_value(SecretId=SECRET)["SecretString"] == wanted:
            return False
        secrets.put_secret_value(SecretId=SECRET, SecretString=wanted)
    except secrets.exceptions.ResourceNotFoundException:
        secrets.create_secret(Name=SECRET, SecretString=wanted)
    return True


def exists(stack: Stack, resource: dict[str, str]) -> bool:
    """Whether a resource from Chalice's record of its deployment is there. Kinds it cannot ask for count as there."""
    match resource:
        case {"resource_type": "lambda_function", "lambda_arn": arn}:
            return _found(client(stack, "lambda").get_function, FunctionName=arn)
        case {"resource_type": "rest_api", "rest_api_id": api_id}:
            return _found(client(stack, "apigateway").get_stages, restApiId=api_id)
        case {"resource_type": "websocket_api", "websocket_api_id": api_id}:
            return _found(client(stack, "apigatewayv2").get_api, ApiId=api_id)
        case {"resource_type": "iam_role", "role_name": name}:
            return _found(client(stack, "iam").get_role, RoleName=name)
        case {"resource_type": "cloudwatch_event", "rule_name": name}:
            return _found(client(stack, "events").describe_rule, Name=name)
        case _:
            return True


def _found(ask: Any, **names: str) -> bool:
    try:
        ask(**names)
    except ClientError:
        return False
    return True
