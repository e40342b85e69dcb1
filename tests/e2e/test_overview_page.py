"""The overview, queues and workers in a real browser, on the real stack. Screenshots stay in build/e2e."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, Route, WebSocketRoute, expect

from tests.e2e.browsing import SCREENSHOTS, Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import RunningStack, wait_until
from tests.e2e.test_dashboard import Wire

pytestmark = needs_browser

SETTLED = "document.querySelector('.stat-wait, .skeleton, .chart-wait, [data-testid=loading]') === null"
PAGES = ("/", "/queues", "/queues/crowded", "/workers")
STATUSES = ("BLOCKED", "SCHEDULED", "QUEUED", "RETRYING", "RUNNING", "COMPLETED", "FAILED", "CANCELLED")


@pytest.fixture
def page(visit: Visits) -> Page:
    return visit.blank()


def show(page: Page, stack: RunningStack, path: str) -> None:
    """Live, and with everything read."""
    page.goto(f"{stack.url}/#{path}")
    until_live(page)
    page.wait_for_function(SETTLED, timeout=40_000)


def number(locator: Locator) -> int:
    return int(locator.inner_text().replace(",", ""))


def crowd(stack: RunningStack, queue: str, count: int) -> list[str]:
    """Jobs that wait in a paused queue."""
    assert stack.put(f"/queues/{queue}", {"paused": True}).status == 200
    jobs = [{"job_type": "echo", "payload": each, "queue": queue} for each in range(count)]
    ids: list[str] = stack.post("/jobs/batch", {"jobs": jobs}).json()["ids"]
    return ids


def test_numbers_move_when_jobs_run(page: Page, stack: RunningStack) -> None:
    stack.wait_for(stack.submit("echo")["id"], 15)
    show(page, stack, "/")
    completed, failed = page.get_by_test_id("count-COMPLETED"), page.get_by_test_id("count-FAILED")
    before = number(completed), number(failed)

    stack.submit("echo", queue="moving")
    doomed = stack.submit("fail_job", {"seconds": 1}, max_attempts=1, queue="moving")

    expect(completed).to_have_text(f"{before[0] + 1:,}", timeout=15_000)
    expect(failed).to_have_text(f"{before[1] + 1:,}", timeout=15_000)
    expect(page.get_by_test_id("failures").locator(f'[data-job-id="{doomed["id"]}"]')).to_be_visible(timeout=15_000)
    expect(page.get_by_test_id("busy-queues")).to_contain_text("moving")
    expect(page.get_by_test_id("connections")).to_have_text(re.compile(r"[1-9]"), timeout=10_000)
    expect(page.locator(".chart canvas")).to_have_count(3)
    expect(page.locator("figure figcaption").first).to_contain_text("Completed: ")


def test_each_count_leads_to_its_jobs(page: Page, stack: RunningStack) -> None:
    stack.wait_for(stack.submit("echo")["id"], 15)
    show(page, stack, "/")

    page.get_by_role("link", name="Completed").click()

    expect(page).to_have_url(re.compile(r"#/jobs\?status=COMPLETED$"))


def test_a_paused_overview_stands_still_and_says_since_when(page: Page, stack: RunningStack) -> None:
    stack.wait_for(stack.submit("echo")["id"], 15)
    show(page, stack, "/")
    completed = page.get_by_test_id("count-COMPLETED")
    page.get_by_test_id("pause").click()
    held = completed.inner_text()

    stack.wait_for(stack.submit("echo")["id"], 15)
    wait_until(lambda: f"{stack.get('/stats').json()['counts']['COMPLETED']:,}" != held, 15)
    page.wait_for_event("response", lambda answer: "/api/stats" in answer.url, timeout=15_000)  # nor is what it read

    expect(page.get_by_test_id("paused")).to_have_text(re.compile(r"Paused at \d\d:\d\d:\d\d,\s*\d+[sm] ago"))
    expect(page.get_by_test_id("range-6h")).to_be_disabled()
    assert completed.inner_text() == held
    page.screenshot(path=SCREENSHOTS / "overview-paused.png")
    page.keyboard.press("p")
    expect(completed).not_to_have_text(held, timeout=5_000)
    expect(page.get_by_test_id("paused")).to_have_count(0)


def test_the_range_stands_in_the_address(page: Page, stack: RunningStack) -> None:
    stack.wait_for(stack.submit("echo")["id"], 15)
    show(page, stack, "/")

    with page.expect_request(re.compile(r"/api/stats\?minutes=360&step_minutes=5$"), timeout=10_000):
        page.get_by_test_id("range-6h").click()
    expect(page).to_have_url(re.compile(r"#/\?range=6h$"))
    with page.expect_request(re.compile(r"/api/stats\?minutes=10080&step_minutes=60$"), timeout=10_000):
        page.get_by_test_id("range-7d").click()
    page.reload()

    expect(page.get_by_test_id("range-7d")).to_have_attribute("aria-pressed", "true", timeout=15_000)
    expect(page.locator("[data-testid=charts]")).to_have_attribute("data-busy", "false")
    page.wait_for_function(SETTLED, timeout=20_000)
    page.screenshot(path=SCREENSHOTS / "overview-7d.png")


def test_before_the_first_job_there_is_the_command_that_submits_it(page: Page, stack: RunningStack) -> None:
    """As a new deployment answers; nothing is pushed."""
    counts = dict.fromkeys(STATUSES, 0)
    answer = {"at": "2026-11-25T14:00:00Z", "counts": counts, "step_minutes": 1, "series": []}
    page.route_web_socket(re.compile("/ws"), silent)
    page.route(re.compile(r"/api/stats"), lambda route: route.fulfill(json=answer))
    page.route(re.compile(r"/api/queues"), lambda route: route.fulfill(json=[]))

    page.goto(stack.url)

    expect(page.get_by_test_id("first-run")).to_contain_text(f"curl -sS '{stack.api_url}/jobs'", timeout=20_000)
    page.screenshot(path=SCREENSHOTS / "overview-first-run.png")


def silent(socket: WebSocketRoute) -> None:
    """It opens, and says nothing."""


def test_what_cannot_be_read_says_so_and_is_read_again(page: Page, stack: RunningStack) -> None:
    page.route_web_socket(re.compile("/ws"), lambda socket: socket.close())
    page.route(re.compile(r"/api/(stats|queues|workers)"), broken)
    for path, what in (("/", "The statistics"), ("/queues", "The queues"), ("/workers", "The workers")):
        page.goto(f"{stack.url}/#{path}")
        expect(page.get_by_test_id("nothing")).to_contain_text(f"{what} could not be read", timeout=30_000)
    page.unroute(re.compile(r"/api/(stats|queues|workers)"))

    page.get_by_role("button", name="Try now").last.click()

    expect(page.get_by_test_id("workers")).to_be_visible(timeout=15_000)


def broken(route: Route) -> None:
    route.fulfill(status=500, json={"title": "Internal Server Error", "status": 500, "detail": "broken", "code": "x"})


def test_an_overview_that_lost_its_connection_says_so_and_catches_up(page: Page, stack: RunningStack) -> None:
    wire = Wire(page)
    stack.wait_for(stack.submit("echo")["id"], 15)
    show(page, stack, "/")

    wire.cut()
    expect(page.get_by_test_id("stale-banner")).to_be_visible(timeout=10_000)
    page.screenshot(path=SCREENSHOTS / "overview-stale.png")
    wire.mend()

    expect(page.get_by_test_id("stale-banner")).to_have_count(0, timeout=40_000)


def test_a_killed_worker_is_seen_and_so_is_its_successor(page: Page, stack: RunningStack) -> None:
    wait_until(lambda: stack.get("/workers").json(), 20)
    show(page, stack, "/workers")
    alive = page.locator('[data-row-id][data-life="alive"]')
    expect(alive).to_have_count(1, timeout=10_000)
    victim = alive.get_attribute("data-row-id")

    stack.kill("worker")

    expect(page.locator(f'[data-row-id="{victim}"]')).to_have_attribute("data-life", "late", timeout=20_000)
    expect(alive).to_have_count(1, timeout=30_000)
    assert alive.get_attribute("data-row-id") != victim
    page.screenshot(path=SCREENSHOTS / "workers-late.png")


def test_what_a_worker_runs_is_linked(page: Page, stack: RunningStack) -> None:
    job = stack.submit("process_data", {"seconds": 8})
    show(page, stack, "/workers")

    page.get_by_title(job["id"]).click(timeout=7_000)

    expect(page).to_have_url(re.compile(f"#/jobs/{job['id']}$"))


def test_without_a_worker_it_is_said_how_to_start_one(page: Page, stack: RunningStack) -> None:
    page.route(re.compile(r"/api/workers"), lambda route: route.fulfill(json=[]))

    page.goto(f"{stack.url}/#/workers")

    expect(page.get_by_test_id("nothing")).to_contain_text("python -m worker_fn", timeout=15_000)
    expect(page.get_by_test_id("nothing")).to_contain_text("Lambda")
    page.screenshot(path=SCREENSHOTS / "workers-none.png")


def test_a_queue_is_paused_and_goes_on(page: Page, stack: RunningStack) -> None:
    stack.put("/queues/valve", {"paused": False})
    show(page, stack, "/queues")
    row = page.locator('[data-row-id="valve"]')
    expect(row).to_have_attribute("data-paused", "false")

    row.get_by_test_id("queue-pause").click()
    expect(row).to_have_attribute("data-paused", "true", timeout=10_000)
    assert stack.get("/queues/valve").json()["paused"]
    waiting = stack.submit("echo", queue="valve")
    expect(row).to_contain_text("1", timeout=10_000)
    row.get_by_test_id("queue-pause").click()

    expect(row).to_have_attribute("data-paused", "false", timeout=10_000)
    stack.wait_for(waiting["id"], 15)


def test_a_paused_queue_says_since_when(page: Page, stack: RunningStack) -> None:
    stack.put("/queues/stopped", {"paused": True})
    page.goto(f"{stack.url}/#/queues/stopped")

    note = page.get_by_test_id("queue-paused")
    expect(note).to_have_text(re.compile(r"Paused by local (now|\d+[sm] ago)\. .*"))
    page.get_by_test_id("queue-pause").click()

    expect(note).to_have_count(0)


def test_a_queue_that_somebody_else_pauses_is_seen_paused(page: Page, stack: RunningStack) -> None:
    stack.put("/queues/shared", {"paused": False})
    stack.wait_for(stack.submit("echo", queue="shared")["id"], 15)
    show(page, stack, "/queues")

    stack.put("/queues/shared", {"paused": True})

    expect(page.locator('[data-row-id="shared"]')).to_have_attribute("data-paused", "true", timeout=10_000)


def test_limits_are_set_and_what_is_refused_is_said_at_its_field(page: Page, stack: RunningStack) -> None:
    stack.put("/queues/limited", {"max_running": None, "rate_limit": None, "weight": 1})
    show(page, stack, "/queues/limited")
    most, burst = page.get_by_label("Jobs at a time", exact=True), page.get_by_label("Burst").first

    most.fill("-1")
    page.get_by_test_id("settings-save").click()
    expect(most).to_have_attribute("aria-invalid", "true", timeout=10_000)
    expect(page.get_by_text("Must be at least 0.")).to_be_visible()
    page.screenshot(path=SCREENSHOTS / "queue-refused.png")
    assert stack.get("/queues/limited").json()["max_running"] is None

    most.fill("3")
    page.get_by_label("Jobs", exact=True).first.fill("100")
    page.get_by_label("In seconds").first.fill("60")
    burst.fill("x")
    page.get_by_test_id("settings-save").click()
    expect(burst).to_have_attribute("aria-invalid", "true", timeout=10_000)
    burst.fill("9")
    page.get_by_test_id("settings-save").click()

    expect(page.get_by_test_id("settings-save")).to_be_disabled(timeout=10_000)
    expect(page.get_by_text("3 at a time · 100 a minute, 9 after a pause")).to_be_visible()
    queue = stack.get("/queues/limited").json()
    assert (queue["max_running"], queue["rate_limit"]) == (3, {"jobs": 100.0, "per_seconds": 60.0, "burst": 9})


def test_a_queue_is_purged_once_its_name_was_typed(page: Page, stack: RunningStack) -> None:
    ids = crowd(stack, "purged", 12)
    show(page, stack, "/queues/purged")

    page.get_by_test_id("queue-more").click()
    page.get_by_test_id("queue-purge").click()
    expect(page.get_by_test_id("purge-count")).to_contain_text("12 jobs will be cancelled", timeout=10_000)
    expect(page.get_by_test_id("confirm-button")).to_be_disabled()
    page.screenshot(path=SCREENSHOTS / "queue-purge.png")
    page.get_by_label("to confirm").fill("purged")
    page.get_by_test_id("confirm-button").click()

    expect(page.get_by_test_id("notices")).to_contain_text("12 jobs of purged cancelled", timeout=10_000)
    assert {stack.job(each)["status"] for each in ids} == {"CANCELLED"}
    expect(page.get_by_test_id("depth-QUEUED")).to_have_text("0", timeout=10_000)


def test_the_jobs_of_a_queue_are_moved_to_another(page: Page, stack: RunningStack) -> None:
    ids = crowd(stack, "left", 3)
    stack.put("/queues/entered", {"paused": True})
    show(page, stack, "/queues/left")
    page.get_by_test_id("queue-more").click()
    page.get_by_test_id("queue-move").click()

    page.get_by_label("To queue").fill("no such name")
    expect(page.get_by_label("To queue")).to_have_attribute("aria-invalid", "true", timeout=10_000)
    page.get_by_label("To queue").fill("entered")
    expect(page.get_by_test_id("move-count")).to_have_text("3 jobs will be moved.", timeout=10_000)
    page.get_by_test_id("move-button").click()

    expect(page.get_by_test_id("notices")).to_contain_text("3 jobs moved to entered", timeout=10_000)
    assert {stack.job(each)["queue"] for each in ids} == {"entered"}


def test_a_queue_that_is_not_there_says_so(page: Page, stack: RunningStack) -> None:
    page.goto(f"{stack.url}/#/queues/nowhere")

    expect(page.get_by_test_id("no-queue")).to_be_visible(timeout=15_000)


def test_axe_finds_nothing_and_nothing_is_wider_than_a_phone(visit: Visits, stack: RunningStack, look: Look) -> None:
    crowd(stack, "crowded", 30)
    stack.submit("process_data", {"seconds": 10})
    stack.wait_for(stack.submit("fail_job", {"seconds": 1}, max_attempts=1)["id"], 15, status="FAILED")
    page = visit.blank(look)

    for path in PAGES:
        show(page, stack, path)
        if path == "/":
            expect(page.get_by_test_id("connections")).to_have_text(
                re.compile(r"\d"), timeout=10_000
            )  # the first Stats
        examine(page, path.strip("/").replace("/", "-") or "overview", look)
