from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.command import Jobs
from tests.local_http import LocalServer


@pytest.fixture
def jobs(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Jobs]:
    with LocalServer({}) as server:
        yield Jobs(capsys, monkeypatch, server)
