"""Job logs in tests: what ``logs.start_logging`` installs, without the lines on stdout.

Instead of what is there: a test that imported ``app`` before has started logging for good, and two would hear each line twice.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.joblog import Capture


@contextmanager
def capturing() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    root.handlers[:] = [Capture()]
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)
