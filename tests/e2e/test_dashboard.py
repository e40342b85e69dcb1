"""The dashboard in a real browser, on the real stack. Screenshots stay in build/e2e.

Chromium: any that is installed. Where there is none, these tests are reported as not run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, WebSocketRoute, expect, sync_playwright

from tests.e2e.conftest import BUILD, RunningStack

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="not run: no Chromium is installed here"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """The dashboard, live. A page that logs an error fails its test."""
    faults: list[str] = []
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(stack.url)
    expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "live", timeout=15_000)
    yield page
    page.close()
    assert faults == []


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f'[data-testid="job-row"][data-job-id="{job_id}"]')


def test_a_submitted_job_is_seen_queued_running_and_completed(page: Page, stack: RunningStack) -> None:
    submitted = stack.submit("process_data", {"user_id": 101, "seconds": 2})
    job = row(page, submitted["id"])

    expect(job).to_have_attribute("data-status", "RUNNING", timeout=5_000)
    page.screenshot(path=BUILD / "running.png")
    expect(job).to_have_attribute("data-status", "COMPLETED", timeout=10_000)
    page.screenshot(path=BUILD / "completed.png")


def test_a_job_submitted_with_the_form_opens_beside_the_table(page: Page) -> None:
    opener = page.get_by_test_id("open-submit")
    if opener.count():
        opener.click()
    page.get_by_test_id("job-type").fill("echo")
    page.get_by_role("option", name="echo").first.click()
    page.get_by_test_id("payload").fill('{"hello": "wörld"}')
    page.get_by_test_id("submit").click()

    finished = page.locator('[data-testid="job-row"][data-status="COMPLETED"]', has_text="wörld").first
    expect(finished).to_be_visible(timeout=10_000)
    finished.click()
    expect(page.get_by_test_id("job-panel")).to_contain_text("wörld")
    page.screenshot(path=BUILD / "panel.png")


def test_the_form_refuses_what_does_not_fit_the_job_types_schema(page: Page) -> None:
    opener = page.get_by_test_id("open-submit")
    if opener.count():
        opener.click()
    page.get_by_test_id("job-type").fill("sleep")
    page.get_by_role("option", name="sleep").first.click()

    page.get_by_test_id("payload").fill('{"seconds": "long"}')
    expect(page.get_by_test_id("submit")).to_be_disabled()
    page.screenshot(path=BUILD / "refused.png")
    page.get_by_test_id("payload").fill('{"seconds": 0}')
    expect(page.get_by_test_id("submit")).to_be_enabled()


class Wire:
    """The page's way to the WebSocket, with a switch."""

    def __init__(self, page: Page) -> None:
        self._open: list[WebSocketRoute] = []
        self._is_cut = False
        page.route_web_socket(re.compile("/ws"), self._connect)

    def cut(self) -> None:
        self._is_cut = True
        for client in self._open:
            client.close()

    def mend(self) -> None:
        self._is_cut = False

    def _connect(self, client: WebSocketRoute) -> None:
        if self._is_cut:
            client.close()
        else:
            client.connect_to_server()
            self._open.append(client)


def test_a_page_that_lost_its_connection_says_so_and_catches_up(browser: Browser, stack: RunningStack) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    wire = Wire(page)
    page.goto(stack.url)
    state = page.get_by_test_id("connection-state")
    expect(state).to_have_attribute("data-state", "live", timeout=15_000)
    seen = stack.submit("process_data", {"seconds": 3})
    expect(row(page, seen["id"])).to_have_attribute("data-status", "RUNNING", timeout=5_000)

    wire.cut()
    expect(state).not_to_have_attribute("data-state", "live", timeout=5_000)
    missed = stack.submit("echo", "missed")
    for job in (seen, missed):
        stack.wait_for(job["id"], 15)
    expect(row(page, missed["id"])).to_have_count(0)
    page.screenshot(path=BUILD / "offline.png")
    wire.mend()

    expect(state).to_have_attribute("data-state", "live", timeout=40_000)
    for job in (seen, missed):
        expect(row(page, job["id"])).to_have_attribute("data-status", "COMPLETED", timeout=5_000)
    page.close()


def test_a_permalink_shows_its_job_with_every_error(page: Page, stack: RunningStack) -> None:
    failed = stack.submit("fail_job", {"seconds": 1}, max_attempts=1)
    stack.wait_for(failed["id"], 15, status="FAILED")

    page.goto(f"{stack.url}/#/jobs/{failed['id']}")

    panel = page.get_by_test_id("job-panel")
    expect(panel).to_contain_text("this job type always fails")
    expect(panel).to_contain_text(re.compile("SimulatedFailure"))
    page.screenshot(path=BUILD / "failed.png")


def test_dark_mode_follows_the_system(browser: Browser, stack: RunningStack) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900}, color_scheme="dark")
    page.goto(stack.url)
    expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "live", timeout=15_000)

    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.screenshot(path=BUILD / "dark.png")
    page.close()

    assert sum(int(part) for part in re.findall(r"\d+", background)[:3]) < 150


def test_where_no_key_is_needed_nobody_hears_of_keys(page: Page) -> None:
    assert page.get_by_test_id("sign-out").count() == page.get_by_test_id("sign-in").count() == 0


class LongHistory:
    """Pages of a filter that matches one job, far down: all before it are empty."""

    def __init__(self, job: dict[str, object], pages: int) -> None:
        self._job = job
        self._pages = pages

    def answer(self, route: Route) -> None:
        at = int(dict(parse_qsl(urlsplit(route.request.url).query)).get("cursor", 0))
        if at + 1 < self._pages:
            route.fulfill(json=[], headers={"Link": f'</api/jobs?cursor={at + 1}>; rel="next"'})
        else:
            route.fulfill(json=[self._job])


def test_a_filter_over_a_long_history_never_says_wrongly_that_nothing_matches(page: Page, stack: RunningStack) -> None:
    job = stack.wait_for(stack.submit("echo", "far down")["id"], 15)
    page.route(re.compile(r"/api/jobs\?"), LongHistory(job, 35).answer)
    page.goto(f"{stack.url}/#/jobs?tag=rare")
    older = page.get_by_role("button", name="Show older jobs")
    expect(older).to_be_visible(timeout=10_000)
    expect(page.get_by_text("Older jobs have not been looked through yet")).to_be_visible()
    page.screenshot(path=BUILD / "short-pages.png")

    older.click()

    expect(row(page, job["id"])).to_be_visible(timeout=10_000)
    expect(older).to_have_count(0)


def test_a_list_that_was_asked_for_too_often_is_waited_for(page: Page, stack: RunningStack) -> None:
    problem = {"title": "Too Many Requests", "status": 429, "detail": "too many calls", "code": "rate_limited"}
    refusal = {"status": 429, "headers": {"Retry-After": "1"}, "json": problem}
    page.route(re.compile(r"/api/jobs\?.*tag=busy"), lambda route: route.fulfill(**refusal), times=1)

    page.goto(f"{stack.url}/#/jobs?tag=busy")

    expect(page.get_by_text("No job matches this filter")).to_be_visible(timeout=8_000)  # a failed read: after 10 s
    expect(page.get_by_text("could not be read")).to_have_count(0)


def one_more_line(route: Route) -> None:
    """A log to which each look adds a line, up to three."""
    at = int(dict(parse_qsl(urlsplit(route.request.url).query)).get("cursor", 0))
    line = {"attempt": 1, "line": at + 1, "at": "2026-11-25T14:00:00.250Z", "level": "WARNING", "logger": "job"}
    lines = [{**line, "message": f"step {at + 1}"}] if at < 3 else []
    route.fulfill(json={"lines": lines, "cursor": str(at + len(lines))})


def test_a_panel_shows_each_line_of_a_log_once(page: Page, stack: RunningStack) -> None:
    job = stack.submit("process_data", {"seconds": 3})
    page.route(re.compile("/logs"), one_more_line)

    page.goto(f"{stack.url}/#/jobs/{job['id']}")

    lines = page.get_by_test_id("job-log").locator(".log-message")
    expect(lines).to_have_text(["step 1", "step 2", "step 3"], timeout=10_000)
    expect(row(page, job["id"])).to_have_attribute("data-status", "COMPLETED", timeout=10_000)
    expect(lines).to_have_text(["step 1", "step 2", "step 3"])
    page.screenshot(path=BUILD / "log.png")


def test_a_job_is_copied_from_its_panel(page: Page, stack: RunningStack) -> None:
    job = stack.submit("echo", "again")
    page.goto(f"{stack.url}/#/jobs/{job['id']}")

    page.get_by_test_id("job-copy").click()

    link = page.get_by_test_id("move-outcome").get_by_role("link")
    expect(link).to_be_visible(timeout=10_000)
    copy = stack.wait_for(link.inner_text(), 15)
    assert (copy["payload"], copy["id"] != job["id"]) == ("again", True)
