"""What stands around every page of the dashboard."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.browsing import Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import RunningStack

pytestmark = needs_browser

TITLES = {
    "": "Overview",
    "jobs": "Jobs",
    "queues": "Queues",
    "schedules": "Schedules",
    "schedules/+new": "New schedule",
    "workers": "Workers",
    "submit": "Submit a job",
    "keys": "Keys",
    "audit": "Audit",
    "no/such/page": "Not found",
}


def heading(page: Page, name: str) -> None:
    expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible(timeout=10_000)


def test_every_page_has_an_address_of_its_own(visit: Visits, stack: RunningStack, look: Look) -> None:
    page = until_live(visit(stack.url, look))

    for path, title in TITLES.items():
        page.goto(f"{stack.url}/#/{path}")
        heading(page, title)
        expect(page).to_have_title(f"{title} · Job Scheduler")
        page.wait_for_load_state("networkidle")
        examine(page, "shell-" + (path.replace("/", "-") or "overview"), look)


def test_keys_lead_from_page_to_page(visit: Visits, stack: RunningStack) -> None:
    page = until_live(visit(stack.url))

    page.keyboard.press("g")
    page.keyboard.press("s")
    heading(page, "Schedules")
    expect(page.get_by_role("heading", level=1)).to_be_focused()  # so that it is read out
    page.go_back()

    heading(page, "Overview")


def test_keys_are_letters_where_something_is_typed(visit: Visits, stack: RunningStack) -> None:
    page = until_live(visit(f"{stack.url}/#/jobs"))

    page.get_by_test_id("filter-tag").press_sequentially("gs?")

    heading(page, "Jobs")
    expect(page.get_by_test_id("help")).to_have_count(0)


def test_a_question_mark_shows_the_keys_and_escape_hides_them(visit: Visits, stack: RunningStack, look: Look) -> None:
    page = until_live(visit(stack.url, look))

    page.keyboard.press("?")
    expect(page.get_by_test_id("help")).to_contain_text("Go to Schedules")
    examine(page, "help", look)
    page.keyboard.press("Escape")

    expect(page.get_by_test_id("help")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 768, 1024, 3840])
def test_the_navigation_fits_every_width(visit: Visits, stack: RunningStack, width: int) -> None:
    look = Look(width, "light")
    page = until_live(visit(f"{stack.url}/#/jobs", look))

    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Queues").click()

    heading(page, "Queues")
    examine(page, "queues", look)


def test_a_filter_of_an_old_link_still_filters(visit: Visits, stack: RunningStack) -> None:
    stack.wait_for(stack.submit("echo", "old link")["id"], 15)
    page = until_live(visit(f"{stack.url}/#/jobs?status=COMPLETED&job_type=echo"))

    expect(page.get_by_role("link", name="Completed", exact=True)).to_have_attribute("aria-current", "true")
    expect(page.get_by_test_id("filter-type")).to_have_value("echo")


def test_a_theme_is_kept(visit: Visits, stack: RunningStack) -> None:
    page = until_live(visit(stack.url))
    theme = page.get_by_test_id("theme")
    for _ in range(2):
        theme.click()
    expect(theme).to_have_accessible_name(re.compile("dark"))

    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
