"""What each process of a run has in common: it ends when the run does, at the run's pace, and writes to the run's ledger."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path

from tests.chaos import pace
from tests.chaos.ledger import Ledger
from tests.chaos.pace import PACES, Pace

PARENT, PACE, LEDGER = "CHAOS_PARENT", "CHAOS_PACE", "CHAOS_LEDGER"
_PR_SET_PDEATHSIG = 1  # Linux: prctl(2)


def begin() -> tuple[Pace, Ledger]:
    """To be called first."""
    _end_with(int(os.environ[PARENT]))
    os.register_at_fork(after_in_child=_end_with_parent)
    chosen = PACES[os.environ[PACE]]
    pace.hurry(chosen)
    return chosen, Ledger(Path(os.environ[LEDGER]))


def _end_with_parent() -> None:
    _end_with(os.getppid())


def _end_with(parent: int) -> None:
    """Even a stopped process is killed, which no pipe could do."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
