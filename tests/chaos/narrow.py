"""A queue whose limits are set before the first job, and stay as they are."""

from __future__ import annotations

QUEUE = "narrow"
MAX_RUNNING = 3
MAX_RUNNING_PER_KEY = 1
