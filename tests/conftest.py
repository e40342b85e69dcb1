"""How `make test PROCESSES=2` shares the tests out: by the file, and all that use one stack together."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import PurePath

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

E2E = PurePath("tests/e2e")
GUARDED = {"test_admin_pages.py", "test_guarded.py", "test_sign_in.py"}
WITH_THEIR_OWN = {"test_first_run.py", "test_live_faults.py"}
LONGEST = "whole stack"


class StackScheduling(LoadScopeScheduling):  # type: ignore[misc]
    """Each process takes the next group when it has done one."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def group(nodeid: str) -> str:
    file = PurePath(nodeid.partition("::")[0])
    if file.parent != E2E or file.name in WITH_THEIR_OWN:
        return str(file)
    return "guarded stack" if file.name in GUARDED else LONGEST


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> StackScheduling:
    return StackScheduling(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no process is left alone with it at the end."""
    if hasattr(config, "workerinput"):  # one of several
        items.sort(key=lambda item: group(item.nodeid) != LONGEST)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Half a character, which some tests log, would end the process that has to tell of it."""
    report = yield
    report.sections = [(title, _whole(text)) for title, text in report.sections]
    return report


def _whole(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
