"""An account of moto's, for what is tried call by call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from infra.aws import session
from infra.aws.stage import Stage, find_stage


@pytest.fixture
def signed_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in (*session.EMULATOR, "AWS_PROFILE", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    with mock_aws():
        yield


@pytest.fixture
def stage(signed_in: None, tmp_path: Path) -> Stage:
    return find_stage("prod", home=tmp_path)
