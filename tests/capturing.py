"""Job logs in tests: what ``logs.start_logging`` installs, without the lines on stdout."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from chalicelib.joblog import Capture


@contextmanager
def capturing() -> Iterator[None]:
    root = logging.getLogger()
    capture, level = Capture(), root.level
    root.addHandler(capture)
    root.setLevel(logging.INFO)
    try:
        yield
    finally:
        root.removeHandler(capture)
        root.setLevel(level)
