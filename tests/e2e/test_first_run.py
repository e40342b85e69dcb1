"""A stack that has just been made: what it shows before the first job, and that the command which it shows does what it says."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.e2e.browsing import Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import RunningStack, running

pytestmark = needs_browser


@pytest.fixture(scope="module")
def fresh_stack() -> Iterator[RunningStack]:
    with running("first-run") as stack:
        yield stack


def test_an_empty_stack_says_how_to_begin(visit: Visits, fresh_stack: RunningStack, look: Look) -> None:
    page = until_live(visit(f"{fresh_stack.url}/", look))
    expect(page.get_by_test_id("first-run")).to_be_visible()
    examine(page, "first-run", look)

    page.goto(f"{fresh_stack.url}/#/jobs")
    expect(page.get_by_test_id("no-jobs")).to_be_visible()
    examine(page, "jobs-empty", look)

    page.goto(f"{fresh_stack.url}/#/keys")
    expect(page.get_by_role("heading", level=1)).to_have_text("Keys")
    examine(page, "keys-auth-off", look)


def test_the_first_command_works_as_it_stands_there(visit: Visits, fresh_stack: RunningStack) -> None:
    """The last one: the stack is empty no more."""
    overview = until_live(visit(f"{fresh_stack.url}/"))
    jobs = until_live(visit(f"{fresh_stack.url}/#/jobs"))
    first, empty = overview.get_by_test_id("first-run"), jobs.get_by_test_id("no-jobs")
    command = first.locator("pre").inner_text()
    assert empty.locator("pre").inner_text() == command

    said = subprocess.run(["bash", "-c", command], text=True, capture_output=True, check=True, timeout=30)

    job = json.loads(said.stdout)
    expect(jobs.locator(f'[data-job-id="{job["id"]}"]')).to_have_attribute("data-status", "COMPLETED", timeout=30_000)
    expect(first).to_have_count(0)
    expect(empty).to_have_count(0)
