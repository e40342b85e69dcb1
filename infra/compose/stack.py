"""The stack as its containers see it: everybody has a host name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from infra.local.stack import Ports, Stack

PORTS = Ports(front=8080, aws=4566, postgres=5432, valkey=6379)


@dataclass(frozen=True, kw_only=True)
class ContainerStack(Stack):
    """Its addresses are given, not made from ports of this machine."""

    given_database_url: str
    given_redis_url: str
    given_aws_endpoint_url: str

    @property
    def database_url(self) -> str:
        return self.given_database_url

    @property
    def redis_url(self) -> str:
        return self.given_redis_url

    @property
    def aws_endpoint_url(self) -> str:
        return self.given_aws_endpoint_url


def container_stack(environ: Mapping[str, str]) -> ContainerStack:
    """As docker-compose.yml names it to the deployer. Raises KeyError for what it does not."""
    return ContainerStack(
        directory=Path(environ["STATE_DIR"]),
        ports=PORTS,
        auth=environ["API_AUTH"],
        given_database_url=environ["DATABASE_URL"],
        given_redis_url=environ["REDIS_URL"],
        given_aws_endpoint_url=environ["AWS_ENDPOINT_URL"],
    )
