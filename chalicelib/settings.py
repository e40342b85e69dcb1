"""The environment, read and checked once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from chalicelib.errors import MissingSettings, UnsafeSettings

LOCAL_STAGE = "local"
LOOPBACK = ("127.0.0.1", "localhost")  # what never leaves the machine needs no TLS; whatever does must have it
REQUESTS_A_MINUTE = 6_000
LONG_POLLS = 100  # a tenth of the functions that an AWS account may run at once

VERSION = "0.1.0"  # as in pyproject.toml, which no package holds


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between a laptop, a stage and a test."""

    stage: str  # which deployment this is; empty outside of any
    database_url: str  # without a login where database_secret_id names one
    redis_url: str  # likewise
    websocket_endpoint: str  # where frames are posted; {api_id} and {stage} are filled in per connection
    worker_function: str  # the Lambda that a submit wakes when no worker shows life; empty: none
    prepare_statements: bool  # on a direct connection to Postgres; never behind RDS Proxy or PgBouncer
    allow_private_addresses: bool  # whether handlers may reach loopback and private networks; only the local stage does
    database_secret_id: str = ""  # in Secrets Manager: {"username": …, "password": …}; may be rotated at any time
    cache_secret_id: str = ""  # likewise: {"token": …}
    auth_is_on: bool = True  # whether callers need API keys; only the local stage does without
    long_polls: int = LONG_POLLS  # that may wait at once; each holds a function
    worker_queues: tuple[str, ...] = ()  # that a worker takes from, unless it is told otherwise; none: all
    requests_a_minute: int = REQUESTS_A_MINUTE  # that an API key may make which has no limit of its own

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> Settings:
        """Raises MissingSettings, naming all that is missing, or UnsafeSettings."""
        if missing := list(_missing(env)):
            raise MissingSettings(missing)
        if env.get("API_AUTH") == "off" and env.get("STAGE") != LOCAL_STAGE:
            raise UnsafeSettings(f"API_AUTH=off is for the stage {LOCAL_STAGE!r} only")
        return cls(
            stage=env.get("STAGE", ""),
            database_url=env.get("DATABASE_URL") or _database_url(env),
            redis_url=env.get("REDIS_URL") or _redis_url(env),
            database_secret_id="" if env.get("DATABASE_URL") else env["DATABASE_SECRET_ID"],
            cache_secret_id="" if env.get("REDIS_URL") else env["CACHE_SECRET_ID"],
            websocket_endpoint=env.get("WEBSOCKET_ENDPOINT") or _aws_endpoint(env.get("AWS_REGION", "us-east-1")),
            worker_function=env.get("WORKER_FUNCTION", ""),
            prepare_statements=env.get("PREPARE_STATEMENTS") == "true",
            allow_private_addresses=env.get("ALLOW_PRIVATE_ADDRESSES") == "true",
            auth_is_on=env.get("API_AUTH") != "off",
            worker_queues=tuple(filter(None, env.get("WORKER_QUEUES", "").replace(" ", "").split(","))),
            long_polls=int(env.get("API_LONG_POLLS") or LONG_POLLS),
            requests_a_minute=int(env.get("API_REQUESTS_A_MINUTE") or REQUESTS_A_MINUTE),
        )


def _missing(env: Mapping[str, str]) -> Iterator[str]:
    """Each server has either an address with its login in it, or a host and a secret."""
    for url, host, secret in (
        ("DATABASE_URL", "DATABASE_HOST", "DATABASE_SECRET_ID"),
        ("REDIS_URL", "REDIS_HOST", "CACHE_SECRET_ID"),
    ):
        if not (env.get(url) or env.get(host)):
            yield url
        elif not (env.get(url) or env.get(secret)):
            yield secret


def _database_url(env: Mapping[str, str]) -> str:
    host, port, name = env["DATABASE_HOST"], env.get("DATABASE_PORT") or "5432", env.get("DATABASE_NAME") or "jobs"
    return f"postgresql://{host}:{port}/{name}?sslmode={'prefer' if host in LOOPBACK else 'require'}"


def _redis_url(env: Mapping[str, str]) -> str:
    host, port = env["REDIS_HOST"], env.get("REDIS_PORT") or "6379"
    return f"{'redis' if host in LOOPBACK else 'rediss'}://{host}:{port}/0"


def _aws_endpoint(region: str) -> str:
    return f"https://{{api_id}}.execute-api.{region}.amazonaws.com/{{stage}}"
