"""The pages of jobs in a real browser, on the real stack: a list that goes on, and a job with its whole life."""

from __future__ import annotations

import json
import re
import statistics
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from tests.e2e.browsing import SCREENSHOTS, Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import RunningStack, wait_until
from tests.e2e.test_dashboard import row

FLOOD = Path(__file__).with_name("flood.js")
NOWHERE = {"url": "http://127.0.0.1:1/"}  # nobody listens there: it fails at once
RUN = uuid4().hex[:8]

pytestmark = needs_browser


@pytest.fixture
def page(visit: Visits, stack: RunningStack) -> Page:
    """The list, live."""
    stack.submit("echo", "so that there is a row")
    page = until_live(visit(f"{stack.url}/#/jobs"))
    expect(rows(page).first).to_be_visible(timeout=15_000)
    return page


def show(page: Page, stack: RunningStack, address: str) -> None:
    page.goto(f"{stack.url}/#/jobs{address}")
    until_live(page)


def tag(word: str) -> str:
    """One of this run."""
    return f"{word}-{RUN}"


def rows(page: Page) -> Locator:
    return page.get_by_test_id("job-row")


def batch(stack: RunningStack, count: int, **job: object) -> None:
    answer = stack.post("/jobs/batch", {"jobs": [{"job_type": "echo", "payload": n, **job} for n in range(count)]})
    assert answer.status == 201, answer.data


def test_a_job_submitted_by_curl_appears_and_moves(page: Page, stack: RunningStack) -> None:
    body = '{"job_type": "process_data", "payload": {"seconds": 2}}'
    command = ["curl", "-sS", f"{stack.api_url}/jobs", "-H", "Content-Type: application/json", "-d", body]
    job = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)

    expect(row(page, job["id"])).to_have_attribute("data-status", "RUNNING", timeout=5_000)
    expect(row(page, job["id"])).to_have_attribute("data-status", "COMPLETED", timeout=10_000)


def test_ten_thousand_rows_are_scrolled_and_few_of_them_drawn(page: Page, stack: RunningStack) -> None:
    batch(stack, 10_000, tags=[tag("many")], delay_seconds=86_400)
    show(page, stack, "?tag=" + tag("many"))
    end = page.get_by_text("10,000 jobs. That is all.")
    expect(rows(page).first).to_be_visible(timeout=15_000)

    def at_the_end() -> bool:
        page.mouse.wheel(0, 200_000)
        page.wait_for_timeout(100)
        return end.is_visible()

    wait_until(at_the_end, 90)

    expect(page.locator("table")).to_have_attribute("aria-rowcount", "10001")
    assert rows(page).count() <= 100
    page.keyboard.press("j")
    page.screenshot(path=SCREENSHOTS / "jobs-10000.png")
    assert stack.post("/jobs/cancel", {"tag": tag("many")}).status == 200


def test_five_hundred_failures_are_revived_with_their_count_shown_first(page: Page, stack: RunningStack) -> None:
    batch(stack, 500, job_type="http_request", payload=NOWHERE, tags=[tag("broken")], max_attempts=1)
    failed = {"tag": tag("broken"), "dry_run": True}
    wait_until(lambda: stack.post("/jobs/revive", failed).json()["count"] == 500, 90)
    show(page, stack, "?status=FAILED&tag=" + tag("broken"))
    expect(rows(page).first).to_be_visible(timeout=15_000)

    page.get_by_test_id("bulk-menu").click()
    page.get_by_test_id("bulk-revive").click()

    expect(page.get_by_test_id("confirm")).to_contain_text("Revive 500 jobs?", timeout=15_000)
    page.screenshot(path=SCREENSHOTS / "jobs-revive.png")
    page.get_by_test_id("confirm-button").click()
    expect(page.get_by_text("500 jobs revived.")).to_be_visible(timeout=30_000)


def test_the_filters_stand_in_one_line_beside_an_open_job(page: Page, stack: RunningStack) -> None:
    batch(stack, 1, tags=[tag("line")], delay_seconds=86_400)
    show(page, stack, f"?tag={tag('line')}&within=1h&status=SCHEDULED")
    rows(page).first.get_by_role("link").click()
    expect(page.get_by_test_id("job-panel")).to_be_visible()

    fields = [page.get_by_test_id(name).bounding_box() for name in ("search-id", "filter-key", "clear-filters")]

    assert len({round(box["y"] + box["height"] / 2) for box in fields if box}) == 1


def test_chosen_rows_are_cancelled_and_those_between_two_clicks_are_chosen(page: Page, stack: RunningStack) -> None:
    batch(stack, 8, tags=[tag("choose")], delay_seconds=86_400)
    show(page, stack, "?tag=" + tag("choose"))
    boxes = rows(page).get_by_role("checkbox")
    expect(boxes).to_have_count(8, timeout=15_000)

    boxes.nth(1).click()
    boxes.nth(5).click(modifiers=["Shift"])
    expect(page.get_by_test_id("bulk-bar")).to_contain_text("5 chosen")
    page.screenshot(path=SCREENSHOTS / "jobs-chosen.png")
    page.get_by_test_id("chosen-cancel").click()
    page.get_by_test_id("confirm-button").click()

    expect(page.get_by_text("5 jobs cancelled.")).to_be_visible(timeout=15_000)
    expect(page.locator('[data-testid="job-row"][data-status="CANCELLED"]')).to_have_count(5, timeout=15_000)
    expect(page.get_by_test_id("bulk-bar")).to_have_count(0)


def test_new_rows_are_announced_and_not_thrown_under_the_cursor(page: Page, stack: RunningStack) -> None:
    batch(stack, 3, tags=[tag("calm")], delay_seconds=86_400)
    show(page, stack, "?tag=" + tag("calm"))
    expect(rows(page)).to_have_count(3, timeout=15_000)
    first = rows(page).first.get_attribute("data-job-id")
    rows(page).nth(1).hover()

    batch(stack, 12, tags=[tag("calm")], delay_seconds=86_400)

    news = page.get_by_test_id("new-jobs")
    expect(news).to_have_text("12 new jobs", timeout=10_000)
    assert rows(page).first.get_attribute("data-job-id") == first
    page.screenshot(path=SCREENSHOTS / "jobs-announced.png")
    news.hover()
    expect(news).to_have_text("12 new jobs")  # it does not slip away on the way there
    news.click()
    expect(rows(page)).to_have_count(15)
    expect(news).to_have_count(0)


def test_rows_that_leave_the_filter_stay_under_the_cursor_until_it_goes(page: Page, stack: RunningStack) -> None:
    batch(stack, 2, tags=[tag("leave")], delay_seconds=86_400)
    show(page, stack, f"?tag={tag('leave')}&status=SCHEDULED")
    expect(rows(page)).to_have_count(2, timeout=15_000)
    rows(page).first.hover()

    stack.post("/jobs/cancel", {"tag": tag("leave")})

    expect(page.locator('[data-testid="job-row"][data-left][data-status="CANCELLED"]')).to_have_count(2, timeout=10_000)
    page.mouse.move(700, 20)
    expect(page.get_by_test_id("nothing-matches")).to_be_visible()


def test_a_filter_is_kept_under_a_name(page: Page, stack: RunningStack) -> None:
    page.get_by_test_id("filter-queue").fill("mail")
    page.get_by_test_id("filter-queue").press("Enter")
    page.get_by_role("link", name="Failed").click()
    page.get_by_test_id("views").click()
    page.get_by_test_id("save-view").click()
    page.get_by_label("Name").fill("Mail that failed")
    page.get_by_role("button", name="Save", exact=True).click()

    page.get_by_test_id("clear-filters").click()
    page.reload()
    page.get_by_test_id("views").click()
    page.get_by_test_id("view").click()

    expect(page).to_have_url(re.compile(r"#/jobs\?status=FAILED&queue=mail$"))
    expect(page.get_by_test_id("views")).to_have_text("Mail that failed")
    page.screenshot(path=SCREENSHOTS / "jobs-view.png")


def test_a_job_is_found_by_the_first_digits_of_its_id(page: Page, stack: RunningStack) -> None:
    job = stack.submit("echo", "found")
    page.get_by_role("heading", name="Jobs").click()

    page.keyboard.press("/")
    page.keyboard.type(job["id"][:-2])

    expect(rows(page)).to_have_count(1, timeout=10_000)
    expect(row(page, job["id"])).to_be_visible()
    expect(page).to_have_url(re.compile("id=" + job["id"][:-2]))
    page.keyboard.type("xyz")
    expect(page.get_by_text("hexadecimal digits only")).to_be_visible()


def test_the_keyboard_goes_along_rows_chooses_and_opens_them(page: Page, stack: RunningStack) -> None:
    batch(stack, 3, tags=[tag("keys")], delay_seconds=86_400)
    show(page, stack, "?tag=" + tag("keys"))
    expect(rows(page)).to_have_count(3, timeout=15_000)

    for key in ("j", "j", "x"):
        page.keyboard.press(key)
        page.wait_for_timeout(60)
    expect(rows(page).nth(1).get_by_role("checkbox")).to_be_checked()
    page.keyboard.press("Escape")
    expect(page.get_by_test_id("bulk-bar")).to_have_count(0)
    page.keyboard.press("Enter")
    expect(page.get_by_test_id("job-panel")).to_be_visible()
    page.keyboard.press("Escape")

    expect(page.get_by_test_id("job-panel")).to_have_count(0)
    expect(rows(page).nth(1).get_by_role("link")).to_be_focused()


def test_columns_are_chosen_and_stay_so(page: Page) -> None:
    expect(page.get_by_role("columnheader", name="Queue")).to_have_count(0)
    page.get_by_test_id("columns").click()
    page.get_by_role("checkbox", name="Queue", exact=True).check()

    page.reload()

    expect(page.get_by_role("columnheader", name="Queue")).to_be_visible(timeout=15_000)


class GrowingLog:
    """Each look finds so many more lines, up to some."""

    def __init__(self, step: int, most: int) -> None:
        self._step = step
        self._most = most

    def answer(self, route: Route) -> None:
        at = int(dict(parse_qsl(urlsplit(route.request.url).query)).get("cursor", "1-0").split("-")[1])
        to = min(self._most, at + self._step)
        lines = [self._line(number) for number in range(at + 1, to + 1)]
        route.fulfill(json={"lines": lines, "cursor": f"1-{to}"})

    @staticmethod
    def _line(number: int) -> dict[str, object]:
        level = "WARNING" if number % 10 == 0 else "INFO"
        at = f"2026-11-25T14:00:{number % 60:02}.250Z"
        return {
            "attempt": 1,
            "line": number,
            "at": at,
            "level": level,
            "logger": "job",
            "message": f"Step {number} of a job",
        }


def test_a_log_is_followed_searched_and_filtered(page: Page, stack: RunningStack) -> None:
    job = stack.submit("process_data", {"seconds": 8})
    page.route(re.compile("/logs"), GrowingLog(30, 120).answer)
    show(page, stack, f"/{job['id']}")

    log = page.get_by_test_id("job-log")
    lines = log.locator(".log-message")
    expect(lines).to_have_count(120, timeout=15_000)
    assert log.evaluate("box => box.scrollTop + box.clientHeight > box.scrollHeight - 30"), "it follows its end"
    assert lines.all_inner_texts() == [f"Step {number} of a job" for number in range(1, 121)]

    page.get_by_test_id("log-search").fill("step 2")
    expect(page.get_by_test_id("log-hits")).to_have_text("1 of 11")
    page.get_by_test_id("log-search").press("Enter")
    expect(log.locator("[data-hit]")).to_contain_text("Step 20 of a job")
    log.scroll_into_view_if_needed()
    expect(log.locator("[data-hit]")).to_be_in_viewport()
    page.screenshot(path=SCREENSHOTS / "job-log.png")
    page.get_by_test_id("log-search").fill("")
    page.get_by_test_id("log-level").select_option("WARNING")
    expect(lines).to_have_count(12)


def test_a_job_tells_every_attempt_and_leads_to_its_like(page: Page, stack: RunningStack) -> None:
    job = stack.submit(
        "fail_job", {"seconds": 1, "n": 12345678901234567890}, max_attempts=2, tags=[tag("billing")], queue="mail"
    )
    stack.wait_for(job["id"], 60, status="FAILED")
    show(page, stack, f"/{job['id']}")

    steps = page.get_by_test_id("step")
    expect(steps).to_have_count(4, timeout=10_000)
    expect(page.get_by_test_id("timeline")).to_contain_text(
        re.compile("Created.*Attempt 1 failed.*Attempt 2 failed.*Failed", re.DOTALL)
    )
    expect(page.get_by_test_id("json").first).to_contain_text("12345678901234567890")
    page.get_by_test_id("facts").get_by_role("link", name=tag("billing")).click()

    expect(page).to_have_url(re.compile(rf"#/jobs\?tag={tag('billing')}$"))
    expect(row(page, job["id"])).to_be_visible(timeout=10_000)


def test_a_job_that_is_not_there_is_explained(page: Page, stack: RunningStack) -> None:
    show(page, stack, "/01800000-0000-7000-8000-000000000000")
    expect(page.get_by_test_id("no-such-job")).to_contain_text("it has probably been removed", timeout=10_000)
    page.screenshot(path=SCREENSHOTS / "job-gone.png")

    show(page, stack, "/no-id")
    expect(page.get_by_test_id("no-such-job")).to_contain_text("There is no such job", timeout=10_000)


def test_a_viewer_sees_everything_and_is_offered_nothing(browser: Browser, stack: RunningStack) -> None:
    job = stack.wait_for(stack.submit("echo", "seen")["id"], 15)
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    me = {"id": "k", "name": "reader", "role": "viewer"}
    page.route(re.compile("/api/me$"), lambda route: route.fulfill(json=me))
    show(page, stack, "")
    row(page, job["id"]).get_by_role("link").click()

    expect(page.get_by_test_id("facts")).to_be_visible(timeout=10_000)
    for offer in ("job-copy", "bulk-menu", "open-submit"):
        expect(page.get_by_test_id(offer)).to_have_count(0)
    expect(rows(page).get_by_role("checkbox")).to_have_count(0)
    page.screenshot(path=SCREENSHOTS / "job-viewer.png")
    page.close()


def test_a_list_that_cannot_be_read_says_so_and_tries_again(browser: Browser, stack: RunningStack) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    problem = {"title": "Service Unavailable", "status": 503, "detail": "the store is away", "code": "unavailable"}
    page.route(re.compile(r"/api/jobs\?"), lambda route: route.fulfill(status=503, json=problem))
    page.goto(f"{stack.url}/#/jobs")
    expect(page.get_by_test_id("unreadable")).to_contain_text("the store is away", timeout=20_000)
    page.screenshot(path=SCREENSHOTS / "jobs-unreadable.png")

    page.unroute_all()
    page.get_by_role("button", name="Try now").first.click()

    expect(rows(page).first).to_be_visible(timeout=10_000)
    page.close()


def test_a_flood_of_a_thousand_changes_a_second_keeps_fifty_frames(
    browser: Browser, stack: RunningStack, record_property: Any
) -> None:
    stack.submit("echo", "before the flood")
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.add_init_script(path=FLOOD)
    show(page, stack, "")
    expect(rows(page).first).to_be_visible(timeout=15_000)
    idle = statistics.median(page.evaluate("framesIn(3)"))
    page.evaluate("void flood(1000)")

    at_top = statistics.median(page.evaluate("framesIn(5)"))
    rows(page).nth(5).hover()
    held = statistics.median(page.evaluate("framesIn(5)"))

    expect(page.get_by_test_id("new-jobs")).to_have_text(re.compile(r"[\d,]{3,} new jobs"))
    page.close()
    record_property("frames_a_second", {"idle": round(idle), "at the top": round(at_top), "held": round(held)})
    assert min(at_top, held) >= 50 * idle / 60, f"of {idle:.0f} frames that are left when nothing happens"


def test_axe_finds_nothing_on_the_pages_of_jobs(visit: Visits, stack: RunningStack, look: Look) -> None:
    job = stack.submit("fail_job", {"seconds": 1}, max_attempts=1, tags=["axe"])
    stack.wait_for(job["id"], 30, status="FAILED")
    page = visit(f"{stack.url}/#/jobs", look)

    until_live(page)
    expect(rows(page).first).to_be_visible(timeout=15_000)
    examine(page, "jobs", look)
    row(page, job["id"]).get_by_role("link").click()
    expect(page.get_by_test_id("fault")).to_be_visible(timeout=10_000)
    examine(page, "jobs-panel", look)
    page.reload()
    expect(page.get_by_test_id("fault")).to_be_visible(timeout=10_000)
    examine(page, "job", look)
    show(page, stack, "?tag=nobody")
    expect(page.get_by_test_id("nothing-matches")).to_be_visible(timeout=10_000)
    examine(page, "jobs-none", look)
