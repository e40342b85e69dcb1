"""The dashboard in a real browser, on the real stack. Screenshots stay in build/e2e.

Chromium: any that is installed. Where there is none, these tests are reported as not run.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, WebSocketRoute, expect, sync_playwright

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
    page.get_by_test_id("job-type").select_option("echo")
    page.get_by_test_id("payload").fill('{"hello": "wörld"}')
    page.get_by_test_id("submit").click()

    finished = page.locator('[data-testid="job-row"][data-status="COMPLETED"]', has_text="echo").first
    expect(finished).to_be_visible(timeout=10_000)
    finished.click()
    expect(page.get_by_test_id("job-panel")).to_contain_text("wörld")
    page.screenshot(path=BUILD / "panel.png")


def test_the_form_refuses_what_does_not_fit_the_job_types_schema(page: Page) -> None:
    opener = page.get_by_test_id("open-submit")
    if opener.count():
        opener.click()
    page.get_by_test_id("job-type").select_option("sleep")

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
