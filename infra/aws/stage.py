"""One deployment in one account and region, and what everything of it is called."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws.session import region, session
from infra.local.stack import ROOT
from infra.local.steps import StepFailed

TEMPLATES = ROOT / "infra" / "cloud"
FORM = re.compile(r"[a-z][a-z0-9]{0,15}")
TAKEN = {"local": "what `make up` is called", "worker": "part of the worker's own name"}
SIGN_IN = (
    "Sign in first: aws sso login, or aws configure. AWS_PROFILE chooses among several accounts, AWS_REGION the region."
)


@dataclass(frozen=True)
class Stage:
    """Where it is. templates: the directory of the stacks' templates."""

    name: str
    region: str
    account: str
    identity: str
    templates: Path = TEMPLATES
    home: Path = ROOT / "build" / "aws"

    def client(self, service: str, *, read_timeout: int = 60, tries: int = 6) -> Any:
        """Made once: it takes longer than most calls."""
        wanted = service, read_timeout, tries
        if wanted not in self._clients:
            retries: Any = {"mode": "standard", "total_max_attempts": tries}
            config = Config(read_timeout=read_timeout, retries=retries)
            self._clients[wanted] = self._session.client(service, config=config)
        return self._clients[wanted]

    @cached_property
    def _clients(self) -> dict[tuple[str, int, int], Any]:
        return {}

    @cached_property
    def _session(self) -> Any:
        return session(self.region)

    @property
    def secret(self) -> str:
        return f"job-scheduler/{self.name}"

    @property
    def tags(self) -> dict[str, str]:
        return {"job-scheduler:stage": self.name}

    @property
    def directory(self) -> Path:
        """What is built for it, and the logs of building it. Can be thrown away at any time."""
        return self.home / self.name

    def stack(self, concern: str) -> str:
        return f"job-scheduler-{self.name}-{concern}"

    def template(self, concern: str) -> Path:
        return self.templates / f"{concern}.yaml"

    def log(self, name: str) -> Path:
        return self.directory / "logs" / f"{name}.log"


def find_stage(name: str, *, templates: Path = TEMPLATES, home: Path | None = None) -> Stage:
    """Asks AWS who we are. Raises StepFailed."""
    _check(name)
    place = region()
    if not place:
        raise StepFailed("No region is chosen.", "Try: make deploy STAGE=prod AWS_REGION=eu-central-1")
    try:
        who = session(place).client("sts").get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise StepFailed(f"AWS does not know us: {error}", SIGN_IN) from error
    return Stage(name, place, who["Account"], who["Arn"], templates, home or Stage.home)


def _check(name: str) -> None:
    if not FORM.fullmatch(name):
        raise StepFailed(
            f"{name!r} is no name for a stage.", "One to sixteen small letters and digits, a letter first: STAGE=prod"
        )
    if name in TAKEN:
        raise StepFailed(f"No stage can be called {name}: that is {TAKEN[name]}.", "Choose another: STAGE=prod")
