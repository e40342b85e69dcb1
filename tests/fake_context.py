"""What a handler is told in tests, and what it tells."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from chalicelib.settings import Settings


def a_settings(*, allow_private_addresses: bool = True) -> Settings:
    return Settings(
        stage="test",
        database_url="",
        redis_url="",
        websocket_endpoint="",
        worker_function="",
        prepare_statements=False,
        allow_private_addresses=allow_private_addresses,
    )


@dataclass
class FakeContext:
    """Collects progress; can lose its lease."""

    settings: Settings = field(default_factory=a_settings)
    time_left: timedelta = timedelta(minutes=1)
    job_id: UUID = field(default_factory=uuid4)
    attempt: int = 1
    scheduled_for: datetime | None = None
    reports: list[tuple[float, str]] = field(default_factory=list)
    lost: BaseException | None = None

    @property
    def deadline(self) -> datetime:
        return datetime.now(UTC) + self.time_left

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        return logging.LoggerAdapter(logging.getLogger("tests"), {})

    def progress(self, fraction: float, message: str = "") -> None:
        self.reports.append((fraction, message))

    def check_cancelled(self) -> None:
        if self.lost is not None:
            raise self.lost
