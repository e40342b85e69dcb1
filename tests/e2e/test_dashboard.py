"""Jobs on the dashboard, in a real browser, on the real stack. Screenshots stay in build/e2e."""

from __future__ import annotations

import re
import time
from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.e2e.browsing import Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import BUILD, RunningStack

pytestmark = needs_browser


@pytest.fixture
def page(visit: Visits, stack: RunningStack) -> Page:
    """The list of jobs, live."""
    return until_live(visit(f"{stack.url}/#/jobs"))


def row(page: Page, job_id: str) -> Locator:
    return page.locator(f'[data-testid="job-row"][data-job-id="{job_id}"]')


def test_a_submitted_job_is_seen_queued_running_and_completed(page: Page, stack: RunningStack) -> None:
    longer_than_a_first_call = 6
    submitted = stack.submit("process_data", {"user_id": 101, "seconds": longer_than_a_first_call})
    job = row(page, submitted["id"])

    expect(job).to_have_attribute("data-status", "RUNNING", timeout=5_000)
    page.screenshot(path=BUILD / "running.png")
    expect(job).to_have_attribute("data-status", "COMPLETED", timeout=10_000)
    page.screenshot(path=BUILD / "completed.png")


def test_a_job_submitted_with_the_form_opens_beside_the_list(page: Page) -> None:
    page.get_by_test_id("open-submit").click()
    page.get_by_test_id("job-type").fill("echo")
    page.get_by_role("option", name="echo").first.click()
    page.get_by_test_id("payload").fill('{"hello": "wörld"}')
    page.get_by_test_id("submit").click()
    expect(page.get_by_test_id("submitted-job")).to_be_visible(timeout=10_000)

    page.get_by_role("link", name="Jobs", exact=True).click()
    finished = page.locator('[data-testid="job-row"][data-status="COMPLETED"]', has_text="wörld").first
    expect(finished).to_be_visible(timeout=10_000)
    finished.click()
    expect(page.get_by_test_id("job-panel")).to_contain_text("wörld")
    expect(finished).to_be_visible()
    page.screenshot(path=BUILD / "panel.png")

    page.keyboard.press("Escape")
    expect(page.get_by_test_id("job-panel")).to_have_count(0)
    expect(finished.get_by_role("link")).to_be_focused()


def test_the_form_refuses_what_does_not_fit_the_job_types_schema(page: Page, stack: RunningStack) -> None:
    page.goto(f"{stack.url}/#/submit?job_type=sleep")

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


def test_a_page_that_lost_its_connection_says_so_and_catches_up(visit: Visits, stack: RunningStack) -> None:
    page = visit.blank()
    wire = Wire(page)
    page.goto(f"{stack.url}/#/jobs")
    until_live(page)
    state = page.get_by_test_id("connection-state")
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


def test_after_thirty_seconds_without_a_network_the_rows_equal_the_apis(visit: Visits, stack: RunningStack) -> None:
    page = visit.blank()
    wire = Wire(page)
    page.goto(f"{stack.url}/#/jobs?queue=wifi")
    until_live(page)
    running = stack.submit("process_data", {"seconds": 3}, queue="wifi")
    expect(row(page, running["id"])).to_have_attribute("data-status", "RUNNING", timeout=5_000)

    page.context.set_offline(True)
    wire.cut()
    lost_at = time.monotonic()
    expect(page.get_by_test_id("connection-state")).to_have_attribute("data-state", "offline", timeout=5_000)
    jobs = [stack.submit("echo", n, queue="wifi") for n in range(20)]
    jobs.append(stack.submit("fail_job", {"seconds": 1}, queue="wifi", max_attempts=1))
    cancelled = stack.submit("echo", "later", queue="wifi", delay_seconds=600)
    stack.post(f"/jobs/{cancelled['id']}/cancel", {})
    stack.wait_for(jobs[-1]["id"], 20, status="FAILED")
    expect(page.get_by_test_id("job-row")).to_have_count(1)
    time.sleep(max(0.0, lost_at + 30 - time.monotonic()))
    wire.mend()
    page.context.set_offline(False)

    until_live(page)
    expect(page.get_by_test_id("job-row")).to_have_count(23)
    shown = page.get_by_test_id("job-row").evaluate_all(
        "rows => rows.map(({ dataset }) => [dataset.jobId, dataset.status])"
    )
    assert shown == [[job["id"], job["status"]] for job in stack.get("/jobs?queue=wifi").json()]


def test_a_permalink_shows_its_job_alone_with_every_error(visit: Visits, stack: RunningStack, look: Look) -> None:
    failed = stack.submit("fail_job", {"seconds": 1}, max_attempts=1)
    stack.wait_for(failed["id"], 15, status="FAILED")

    page = visit(f"{stack.url}/#/jobs/{failed['id']}", look)

    panel = page.get_by_test_id("job-panel")
    expect(panel).to_contain_text("this job type always fails")
    expect(panel).to_contain_text(re.compile("SimulatedFailure"))
    expect(page.get_by_test_id("job-row")).to_have_count(0)
    examine(until_live(page), "job", look)


def test_a_large_number_keeps_its_digits(page: Page, stack: RunningStack) -> None:
    job = stack.submit("echo", {"n": 12345678901234567890})
    stack.wait_for(job["id"], 15)

    page.goto(f"{stack.url}/#/jobs/{job['id']}")

    shown = page.get_by_test_id("json")
    expect(shown).to_have_text([re.compile("n: 12345678901234567890")] * 2)


def test_the_list_is_for_all(visit: Visits, stack: RunningStack, look: Look) -> None:
    job = stack.submit("process_data", {"seconds": 5})
    page = until_live(visit(f"{stack.url}/#/jobs", look))
    expect(row(page, job["id"])).to_be_visible()

    examine(page, "jobs", look)


def test_dark_mode_follows_the_system(visit: Visits, stack: RunningStack) -> None:
    page = until_live(visit(stack.url, Look(1440, "dark")))

    background = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")

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
