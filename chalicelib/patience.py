"""Long polls: ask until the answer is worth telling, or the time is over."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

T = TypeVar("T")

FIRST_PAUSE_SECONDS = 0.05
LONGEST_PAUSE_SECONDS = 0.5


def patiently(ask: Callable[[], T], is_news: Callable[[T], bool], within: timedelta) -> T:
    """The first answer that is news, or the last one before the time was over."""
    ends_at = time.monotonic() + within.total_seconds()
    pause = FIRST_PAUSE_SECONDS
    answer = ask()
    while not is_news(answer) and (left := ends_at - time.monotonic()) > 0:
        time.sleep(min(pause, left))
        pause = min(1.5 * pause, LONGEST_PAUSE_SECONDS)
        answer = ask()
    return answer
