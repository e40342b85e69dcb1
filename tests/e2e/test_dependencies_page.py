"""Jobs that wait for others, on the dashboard and on the real stack."""

from __future__ import annotations

from playwright.sync_api import Locator, Page, expect

from tests.e2e.browsing import Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import RunningStack

pytestmark = needs_browser


def relative(page: Page, job_id: str) -> Locator:
    return page.get_by_test_id("relatives").get_by_role("listitem").filter(has_text=job_id)


def test_a_job_that_waits_is_followed_until_it_has_run(visit: Visits, stack: RunningStack, look: Look) -> None:
    stack.put("/queues/held", {"paused": True})
    first = stack.submit("echo", "before", queue="held")["id"]
    second = stack.submit("echo", "after that", depends_on=[first])["id"]
    third = stack.submit("echo", "at last", depends_on=[second])["id"]
    page = until_live(visit(f"{stack.url}/#/jobs/{second}", look))

    expect(relative(page, first)).to_have_attribute("data-status", "QUEUED")
    expect(relative(page, third)).to_have_attribute("data-status", "BLOCKED")
    expect(page.get_by_test_id("timeline")).to_contain_text("Waits for other jobs")
    examine(page, "waiting-job", look)

    stack.put("/queues/held", {"paused": False})
    for job_id in (first, third):
        expect(relative(page, job_id)).to_have_attribute("data-status", "COMPLETED", timeout=15_000)
    expect(page.get_by_test_id("timeline")).to_contain_text("Attempt 1 completed")
    relative(page, third).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("echo")
    expect(relative(page, second)).to_be_visible()
    expect(relative(page, first)).to_have_count(0)


def test_a_job_that_failed_with_another_says_so_and_leads_to_it(visit: Visits, stack: RunningStack, look: Look) -> None:
    first = stack.submit("fail_job", {}, max_attempts=1)["id"]
    second = stack.submit("echo", depends_on=[first])["id"]
    stack.wait_for(second, 30, status="FAILED")
    page = until_live(visit(f"{stack.url}/#/jobs/{second}", look))

    timeline = page.get_by_test_id("timeline")
    expect(timeline).to_contain_text("Failed before it started")
    expect(timeline).to_contain_text(f"job {first}, on which it depends, failed")
    expect(timeline).not_to_contain_text("Attempt 0")
    examine(page, "failed-with-another", look)
    relative(page, first).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("fail_job")


def test_the_form_submits_a_job_that_runs_after_others(visit: Visits, stack: RunningStack) -> None:
    first = stack.submit("echo", "before")["id"]
    page = until_live(visit(f"{stack.url}/#/submit?job_type=echo"))

    page.get_by_label("Runs after").fill("nobody")
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("submit-outcome")).to_contain_text("$.depends_on[0]")

    page.get_by_label("Runs after").fill(first)
    page.get_by_label("If one of those fails").select_option("run")
    expect(page.get_by_label("The same as a command")).to_contain_text(
        f'"depends_on": ["{first}"], "if_dependency_fails": "run"'
    )
    page.get_by_test_id("submit").click()

    submitted = page.get_by_test_id("submitted-job").inner_text(timeout=10_000)
    assert stack.job(submitted)["depends_on"] == [first]
    assert stack.job(submitted)["if_dependency_fails"] == "run"
