"""The stage's settings, which functions and tasks read at their start: one secret, made from what the stacks say.

There is no password in it. It names the secrets that hold them, which may be rotated at any time.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from infra.aws.apps import OPTIONS, WORKER
from infra.aws.session import is_emulated
from infra.aws.stage import Stage

CHOSEN = "CHOSEN"  # sizes of functions that a person asked for, so that they are asked for once


@dataclass(frozen=True)
class Kept:
    """The secret, and whether it had to be written."""

    arn: str
    is_new: bool


def settings(stage: Stage, outputs: Mapping[str, str], chosen: Mapping[str, str]) -> dict[str, str]:
    """outputs: of the data stack. What a person put beside ours stays."""
    return _before(stage) | {
        "STAGE": stage.name,
        "DATABASE_HOST": outputs["DatabaseHost"],
        "DATABASE_PORT": outputs["DatabasePort"],
        "DATABASE_NAME": outputs["DatabaseName"],
        "DATABASE_SECRET_ID": outputs["DatabaseSecretArn"],
        "REDIS_HOST": outputs["CacheHost"],
        "REDIS_PORT": outputs["CachePort"],
        "CACHE_SECRET_ID": outputs["CacheSecretArn"],
        "PREPARE_STATEMENTS": outputs["PreparesStatements"],
        "WORKER_FUNCTION": WORKER.function_name(stage.name, "run"),
        CHOSEN: json.dumps(sizes_chosen(chosen), sort_keys=True),
        **_of_an_emulator(stage),
    }


def _of_an_emulator(stage: Stage) -> dict[str, str]:
    if not is_emulated():
        return {}
    address = stage.client("sts").meta.endpoint_url
    return {"WEBSOCKET_ENDPOINT": f"{address}/_aws/execute-api/{{api_id}}/{{stage}}"}


def sizes_chosen(chosen: Mapping[str, str]) -> dict[str, str]:
    return {option.name: chosen[option.name] for option in OPTIONS if option.name in chosen}


def version(wanted: Mapping[str, str]) -> str:
    """Which settings they are."""
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()[:16]


def chosen_before(stage: Stage) -> dict[str, str]:
    """Sizes of functions, of the last deployment."""
    before: dict[str, str] = json.loads(_before(stage).get(CHOSEN, "{}"))
    return before


def _before(stage: Stage) -> dict[str, str]:
    found = _find(stage.client("secretsmanager"), stage.secret)
    before: dict[str, str] = json.loads(found["SecretString"]) if found else {}
    return before


def put(stage: Stage, wanted: Mapping[str, str]) -> Kept:
    """Written only where it says something else."""
    secrets = stage.client("secretsmanager")
    text = json.dumps(wanted, sort_keys=True)
    found = _find(secrets, stage.secret)
    if found is None:
        tags = [{"Key": key, "Value": value} for key, value in stage.tags.items()]
        made = secrets.create_secret(
            Name=stage.secret, SecretString=text, Tags=tags, Description="Settings. No passwords."
        )
        return Kept(made["ARN"], is_new=True)
    if found["SecretString"] != text:
        secrets.put_secret_value(SecretId=stage.secret, SecretString=text)
    return Kept(found["ARN"], is_new=found["SecretString"] != text)


def delete(stage: Stage) -> bool:
    """Whether it was there. At once: it can be made again, and its name has to be free."""
    secrets = stage.client("secretsmanager")
    if _find(secrets, stage.secret) is None:
        return False
    secrets.delete_secret(SecretId=stage.secret, ForceDeleteWithoutRecovery=True)
    return True


def _find(secrets: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = secrets.get_secret_value(SecretId=name)
    except secrets.exceptions.ResourceNotFoundException:
        return None
    return found
