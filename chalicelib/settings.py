"""The environment, read and checked once."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from chalicelib.errors import MissingSettings, UnsafeSettings

LOCAL_STAGE = "local"
REQUESTS_A_MINUTE = 6_000
LONG_POLLS = 100  # a tenth of the functions that an AWS account may run at once

VERSION = "0.1.0"  # as in pyproject.toml, which no package holds


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a laptop, a stage and a test."""

    stage: str  # which deployment this is; empty outside of any
    database_url: str
    redis_url: str
    websocket_endpoint: str  # where frames are posted; {api_id} and {stage} are filled in per connection
    worker_function: str  # the Lambda that a submit wakes when no worker shows life; empty: none
    prepare_statements: bool  # on a direct connection to Postgres; never behind RDS Proxy or PgBouncer
    allow_private_addresses: bool  # whether handlers may reach loopback and private networks; only the local stage does
    auth_is_on: bool = True  # whether callers need API keys; only the local stage does without
    long_polls: int = LONG_POLLS  # that may wait at once; each holds a function
    worker_queues: tuple[str, ...] = ()  # that a worker takes from, unless it is told otherwise; none: all
    requests_a_minute: int = REQUESTS_A_MINUTE  # that an API key may make which has no limit of its own

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises MissingSettings, naming all that is missing, or UnsafeSettings."""
        missing = [name for name in ("DATABASE_URL", "REDIS_URL") if not env.get(name)]
        if missing:
            raise MissingSettings(missing)
        if env.get("API_AUTH") == "off" and env.get("STAGE") != LOCAL_STAGE:
            raise UnsafeSettings(f"API_AUTH=off is for the stage {LOCAL_STAGE!r} only")
        return cls(
            stage=env.get("STAGE", ""),
            database_url=env["DATABASE_URL"],
            redis_url=env["REDIS_URL"],
            websocket_endpoint=env.get("WEBSOCKET_ENDPOINT") or _aws_endpoint(env.get("AWS_REGION", "us-east-1")),
            worker_function=env.get("WORKER_FUNCTION", ""),
            prepare_statements=env.get("PREPARE_STATEMENTS") == "true",
            allow_private_addresses=env.get("ALLOW_PRIVATE_ADDRESSES") == "true",
            auth_is_on=env.get("API_AUTH") != "off",
            worker_queues=tuple(filter(None, env.get("WORKER_QUEUES", "").replace(" ", "").split(","))),
            long_polls=int(env.get("API_LONG_POLLS") or LONG_POLLS),
            requests_a_minute=int(env.get("API_REQUESTS_A_MINUTE") or REQUESTS_A_MINUTE),
        )


def _aws_endpoint(region: str) -> str:
    return f"https://{{api_id}}.execute-api.{region}.amazonaws.com/{{stage}}"
