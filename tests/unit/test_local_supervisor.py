from __future__ import annotations

from pathlib import Path

import pytest

from infra.local.stack import find_stack
from infra.local.supervisor import Supervisor


def test_a_program_that_supervisord_lost_is_not_up_and_nothing_is_asked_to_stop_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    supervisor = Supervisor(find_stack({"STACK_DIR": str(tmp_path)}))
    monkeypatch.setattr(supervisor, "states", lambda: {"postgres": {"statename": "RUNNING"}})

    supervisor.stop("emulator")  # would be refused: there is no supervisord

    assert not supervisor.is_up("emulator")
    assert supervisor.is_up("postgres")
