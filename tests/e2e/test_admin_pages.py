"""Schedules, submit, keys and audit, in a real browser, where the API asks for keys. Screenshots stay in build/e2e."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, ViewportSize, WebSocketRoute, expect

from tests.e2e.browsing import DESK, SCREENSHOTS, Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import BUILD, RunningStack
from tests.e2e.test_sign_in import ask, sign_in

pytestmark = needs_browser

Open = Callable[..., Page]


class FarVisits(Visits):
    """Of a reader in a zone where the clock is never changed. A key is put in once: who signed out is a stranger again."""

    def __call__(self, url: str, look: Look = DESK, *, key: str = "") -> Page:
        page = self._browser.new_page(
            viewport={"width": look.width, "height": 900}, color_scheme=look.theme, timezone_id="America/Sao_Paulo"
        )
        page.on("pageerror", lambda error: self._faults.append(str(error)))
        page.add_init_script(f"if (!window.name) sessionStorage.setItem('api-key', '{key}'); window.name = 'seen'")
        page.goto(url, wait_until="networkidle")  # the first calls of a function take their time
        self._pages.append(page)
        return page


@pytest.fixture
def open_page(browser: Browser, guarded_stack: RunningStack) -> Iterator[Open]:
    """Opens an address, signed in."""
    visits = FarVisits(browser)
    yield lambda address, key=guarded_stack.key, look=DESK: visits(f"{guarded_stack.url}{address}", look, key=key)
    visits.end()


@pytest.fixture
def schedule(guarded_stack: RunningStack) -> Iterator[Callable[..., str]]:
    """Makes schedules, which are gone after the test."""
    names: list[str] = []

    def made(name: str, **rules: object) -> str:
        names.append(name)
        ask(guarded_stack, "PUT", f"/schedules/{name}", {"job": {"job_type": "echo", "payload": {"n": 1}}, **rules})
        return name

    yield made
    for name in names:
        guarded_stack.delete(f"/schedules/{name}")


@pytest.fixture
def viewer(guarded_stack: RunningStack) -> str:
    made: dict[str, str] = ask(guarded_stack, "POST", "/keys", {"name": "onlooker", "role": "viewer"})
    return made["key"]


def choose(page: Page, test_id: str, typed: str, name: str) -> None:
    """One of a list that is found by typing."""
    page.get_by_test_id(test_id).click()
    page.get_by_test_id(test_id).fill(typed)
    page.get_by_role("option", name=name).first.click()


def write(page: Page, payload: str) -> None:
    page.get_by_test_id("payload").fill(payload)


def test_a_schedule_is_written_with_its_next_times_in_both_zones(open_page: Open, guarded_stack: RunningStack) -> None:
    page = open_page("#/schedules/+new")
    page.get_by_test_id("schedule-name").fill("written-here")
    page.get_by_test_id("cron").fill("30 2 28 mar *")
    choose(page, "timezone", "europe berl", "Europe/Berlin")
    choose(page, "job-type", "echo", "echo")
    write(page, '{"id": 12345678901234567890}')

    expect(page.get_by_test_id("cron-words")).to_contain_text("At 02:30, on day 28 of the month, only in March")
    preview = page.get_by_test_id("preview")
    expect(preview).to_contain_text("America/Sao_Paulo (yours)")
    expect(preview.locator("tbody tr:not(.clock-change)")).to_have_count(10)
    # in 2027 the clock passes 02:30 by, and the API takes the moment at which it is changed
    expect(preview).to_contain_text("Sun 28 Mar 2027 03:00")
    expect(preview).to_contain_text(
        "Clocks in Europe/Berlin go forward by 1 h, from 02:00 to 03:00, on Sun 28 Mar 2027."
    )
    page.screenshot(path=BUILD / "schedule-editor.png", full_page=True)

    page.get_by_test_id("save-schedule").click()
    expect(page.get_by_role("heading", name="written-here")).to_be_visible()
    stored = guarded_stack.get("/schedules/written-here")
    assert b'"payload":{"id":12345678901234567890}' in stored.data.replace(b" ", b"")
    assert stored.json()["timezone"] == "Europe/Berlin"
    guarded_stack.delete("/schedules/written-here")


def test_what_the_api_refuses_stands_at_its_field(open_page: Open, guarded_stack: RunningStack) -> None:
    page = open_page("#/schedules/+new")
    page.get_by_test_id("schedule-name").fill("no such name!")
    page.get_by_test_id("cron").fill("99 * * * *")
    expect(page.get_by_test_id("preview-fault")).to_contain_text("Bad minute")

    page.get_by_test_id("save-schedule").click()
    expect(page.get_by_test_id("schedule-name")).to_have_attribute("aria-invalid", "true")
    page.get_by_test_id("schedule-name").fill("refused")
    page.get_by_test_id("save-schedule").click()

    expect(page.get_by_test_id("cron")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_test_id("cron").locator("..")).to_contain_text("Bad minute")
    assert guarded_stack.get("/schedules/refused").status == 404


def test_a_schedule_is_edited_and_keeps_what_was_not_touched(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    name = schedule(
        "edited", cron="0 3 * * *", timezone="Europe/Paris", starts_at="2027-10-31T01:30:00Z", misfire="run_all"
    )
    before = guarded_stack.get(f"/schedules/{name}").json()
    page = open_page(f"#/schedules/{name}/edit")
    expect(page.get_by_test_id("cron")).to_have_value("0 3 * * *")
    page.get_by_test_id("cron").fill("0 4 * * *")
    page.get_by_test_id("save-schedule").click()

    expect(page.get_by_test_id("next-times")).to_be_visible()
    expect(page.get_by_test_id("edit-schedule")).to_be_visible()
    expect(page.get_by_text("At 04:00, every day")).to_be_visible()
    after = guarded_stack.get(f"/schedules/{name}").json()
    changing = {"cron", "version", "updated_at", "next_run_at"}
    assert {key for key in before if before[key] != after[key]} <= changing
    assert after["cron"] == "0 4 * * *"


def test_what_somebody_else_changed_is_not_overwritten_unseen(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    name = schedule("shared", cron="0 3 * * *")
    page = open_page(f"#/schedules/{name}/edit")
    page.get_by_test_id("cron").fill("0 4 * * *")
    schedule(name, cron="0 5 * * *")

    page.get_by_test_id("save-schedule").click()
    expect(page.get_by_test_id("schedule-problem")).to_contain_text("changed this schedule meanwhile")
    assert guarded_stack.get(f"/schedules/{name}").json()["cron"] == "0 5 * * *"
    page.get_by_test_id("save-schedule").click()
    expect(page.get_by_test_id("next-times")).to_be_visible()
    expect(page.get_by_test_id("edit-schedule")).to_be_visible()
    expect(page.get_by_text("At 04:00, every day")).to_be_visible()


def test_what_somebody_else_deleted_does_not_come_back_unseen(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    name = schedule("deleted", cron="0 3 * * *")
    page = open_page(f"#/schedules/{name}/edit")
    page.get_by_test_id("cron").fill("0 4 * * *")
    guarded_stack.delete(f"/schedules/{name}")

    page.get_by_test_id("save-schedule").click()
    expect(page.get_by_test_id("schedule-problem")).to_contain_text("deleted this schedule meanwhile")
    assert guarded_stack.get(f"/schedules/{name}").status == 404
    page.get_by_test_id("save-schedule").click()
    expect(page.get_by_text("At 04:00, every day")).to_be_visible()


def test_what_was_read_again_while_it_was_edited_is_not_overwritten_unseen(
    visit: Visits, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    page = visit.blank()
    sockets: list[WebSocketRoute] = []
    page.add_init_script(f'sessionStorage.setItem("api-key", "{guarded_stack.key}")')

    def connect(socket: WebSocketRoute) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket("**/ws*", connect)
    name = schedule("read-again", cron="0 3 * * *")
    page.goto(f"{guarded_stack.url}/#/schedules/{name}/edit")
    until_live(page).get_by_test_id("cron").fill("0 4 * * *")
    schedule(name, cron="0 5 * * *")
    with page.expect_response(f"**/api/schedules/{name}"):
        sockets[-1].send('{"type":"Resync","event_id":"1-1"}')
    until_live(page)

    page.get_by_test_id("save-schedule").click()

    expect(page.get_by_test_id("schedule-problem")).to_contain_text("changed this schedule meanwhile")
    assert guarded_stack.get(f"/schedules/{name}").json()["cron"] == "0 5 * * *"


def test_a_schedule_is_paused_from_its_card_on_a_phone(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    name = schedule("on-a-phone", cron="0 0 1 1 *")
    page = open_page("#/schedules", look=Look(390, "light"))

    page.get_by_role("button", name=f"What to do with {name}").click()
    page.get_by_role("button", name="Pause", exact=True).click()
    page.get_by_test_id("confirm-button").click()

    expect(page.locator(f'[data-row-id="{name}"]')).to_have_attribute("data-state", "paused")
    assert guarded_stack.get(f"/schedules/{name}").json()["paused"]


def test_arrow_keys_go_along_a_menu_from_its_button_on(open_page: Open, schedule: Callable[..., str]) -> None:
    name = schedule("by-keys", cron="0 0 1 1 *")
    page = open_page("#/schedules")
    page.get_by_role("button", name=f"What to do with {name}").focus()
    page.keyboard.press("Enter")
    items = page.locator(".menu-popover:popover-open .menu-item")

    page.keyboard.press("ArrowDown")
    expect(items.first).to_be_focused()
    page.keyboard.press("ArrowUp")

    expect(items.last).to_be_focused()


def test_a_schedule_may_be_called_new(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    name = schedule("new", cron="0 3 * * *")
    page = open_page("#/schedules")

    page.get_by_role("link", name=name, exact=True).click()
    expect(page.get_by_role("heading", level=1, name=name, exact=True)).to_be_visible()
    expect(page.get_by_test_id("next-times")).to_be_visible()
    page.get_by_test_id("edit-schedule").click()

    expect(page.get_by_role("heading", level=1, name=f"Edit {name}", exact=True)).to_be_visible()


def test_a_schedule_is_run_paused_resumed_and_removed(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    name = schedule("handled", cron="0 0 1 1 *")
    page = open_page(f"#/schedules/{name}")
    page.get_by_test_id("run-now").click()
    page.get_by_test_id("confirm-button").click()
    run = page.get_by_test_id("runs").locator('[data-kind="hand"][data-outcome="COMPLETED"]')
    expect(run).to_have_count(1, timeout=20_000)
    page.screenshot(path=BUILD / "schedule-run.png", full_page=True)

    page.get_by_test_id("pause").click()
    page.get_by_label("Note").fill("until Monday")
    page.get_by_test_id("confirm-button").click()
    expect(page.get_by_test_id("paused-note")).to_contain_text("Paused by first: until Monday")
    page.get_by_test_id("resume").click()
    expect(page.get_by_test_id("pause")).to_be_visible()

    page.get_by_test_id("schedule-more").click()
    page.get_by_test_id("remove-schedule").click()
    expect(page.get_by_test_id("confirm-button")).to_be_disabled()
    page.get_by_label("Type handled to confirm").fill(name)
    page.get_by_test_id("confirm-button").click()
    expect(page.get_by_role("heading", name="Schedules")).to_be_visible()
    assert guarded_stack.get(f"/schedules/{name}").status == 404


def test_a_backfill_is_counted_first(open_page: Open, schedule: Callable[..., str]) -> None:
    name = schedule("holes", cron="0 * * * *")
    page = open_page(f"#/schedules/{name}")
    page.get_by_test_id("schedule-more").click()
    page.get_by_test_id("backfill").click()

    expect(page.get_by_test_id("backfill-count")).to_contain_text("24 jobs would be submitted")
    expect(page.get_by_test_id("confirm-button")).to_have_text("Submit 24 jobs")
    page.get_by_test_id("confirm-button").click()
    expect(page.get_by_test_id("runs").locator('[data-kind="backfill"]')).to_have_count(24, timeout=20_000)


def test_a_declared_schedule_says_where_and_cannot_be_edited(
    open_page: Open, schedule: Callable[..., str], guarded_stack: RunningStack
) -> None:
    """Declared ones come with a deploy: the page is given one in an answer's place."""
    name = schedule("declared", cron="0 3 * * *")

    told = {**guarded_stack.get(f"/schedules/{name}").json(), "source": "code"}

    page = open_page("#/schedules")
    page.route(f"**/api/schedules/{name}", lambda route: route.fulfill(json=told))
    page.get_by_role("link", name=name).click()
    expect(page.get_by_test_id("declared")).to_contain_text("as @schedule beside the handler of echo")
    expect(page.get_by_test_id("run-now")).to_be_visible()
    expect(page.get_by_test_id("edit-schedule")).to_have_count(0)
    page.goto(f"{guarded_stack.url}#/schedules/{name}/edit")
    expect(page.get_by_test_id("declared")).to_be_visible()
    expect(page.get_by_test_id("save-schedule")).to_have_count(0)


def test_a_key_is_made_shown_once_revoked_and_the_audit_tells(open_page: Open, guarded_stack: RunningStack) -> None:
    page = open_page("#/keys")
    page.get_by_test_id("new-key").click()
    page.get_by_test_id("key-name").fill("robot")
    page.get_by_label("Operator").check()
    page.get_by_test_id("make-key-button").click()
    secret = page.get_by_test_id("new-secret")
    expect(secret).to_contain_text("js_")
    key = secret.locator("pre").inner_text()
    page.screenshot(path=BUILD / "new-key.png")

    page.keyboard.press("Escape")
    expect(page.get_by_text("Was it copied?")).to_be_visible()
    page.get_by_test_id("confirm-button").click()
    expect(page.locator("body")).not_to_contain_text(key)
    row = page.locator('tr[data-name="robot"]')
    expect(row).to_contain_text("operator")

    row.get_by_test_id("revoke").click()
    page.get_by_test_id("confirm-button").click()
    expect(row).to_contain_text("Revoked")
    page.goto(f"{guarded_stack.url}#/audit?action=revoke_key")
    expect(page.locator('tr[data-action="revoke_key"]').first).to_be_visible()
    expect(page.locator('tr[data-action="create_key"]')).to_have_count(0)
    page.get_by_test_id("entry").first.click()
    expect(page.get_by_test_id("entry-detail")).to_contain_text("/keys/")


def test_ones_own_key_is_revoked_with_a_warning_and_leads_to_the_door(
    open_page: Open, guarded_stack: RunningStack
) -> None:
    own = ask(guarded_stack, "POST", "/keys", {"name": "short-lived", "role": "admin"})
    page = open_page("#/keys", own["key"])
    page.locator('tr[data-name="short-lived"]').get_by_test_id("revoke").click()
    expect(page.get_by_test_id("own-key")).to_be_visible()
    page.get_by_label("Type short-lived to confirm").fill("short-lived")
    page.get_by_test_id("confirm-button").click()

    expect(page.get_by_test_id("sign-in")).to_be_visible()


def test_a_key_that_is_refused_leads_to_the_door(open_page: Open) -> None:
    page = open_page("#/schedules", "js_000000000000_nonsense")

    expect(page.get_by_test_id("sign-in")).to_be_visible(timeout=15_000)


def test_a_payload_is_completed_refused_and_accepted(open_page: Open, guarded_stack: RunningStack) -> None:
    page = open_page("#/submit")
    choose(page, "job-type", "csv", "csv_summary")
    write(page, "")
    page.get_by_test_id("payload").press_sequentially('{"enc', delay=60)
    page.get_by_role("option", name="encoding").click()
    expect(page.get_by_role("option", name="utf-16")).to_be_visible()
    page.screenshot(path=BUILD / "completion.png")
    page.keyboard.press("Escape")

    choose(page, "job-type", "sleep", "sleep")
    write(page, '{"seconds": "long"}')
    expect(page.get_by_test_id("payload-faults")).to_contain_text("$.seconds expected number, got string")
    expect(page.get_by_test_id("submit")).to_be_disabled()

    choose(page, "job-type", "echo", "echo")
    write(page, '{"id": 12345678901234567890}')
    page.get_by_label("Priority").fill("7")
    page.get_by_label("Tags").fill("one, two")
    expect(page.get_by_label("the curl command", exact=True)).to_contain_text('"priority": 7, "tags": ["one","two"]')
    page.get_by_test_id("payload").press("Control+Enter")

    link = page.get_by_test_id("submitted-job")
    expect(link).to_be_visible()
    job = guarded_stack.get(f"/jobs/{link.inner_text()}")
    assert b"12345678901234567890" in job.data
    assert (job.json()["priority"], job.json()["tags"]) == (7, ["one", "two"])


def test_what_the_api_refuses_of_a_submit_is_said(open_page: Open) -> None:
    page = open_page("#/submit")
    choose(page, "job-type", "echo", "echo")
    page.get_by_label("Queue").fill("no such queue!")
    page.get_by_test_id("submit").click()

    expect(page.get_by_test_id("submit-outcome")).to_contain_text("expected letters, digits")
    expect(page.get_by_label("Queue")).to_have_attribute("aria-invalid", "true")


def test_a_viewer_sees_schedules_without_what_may_not_be_done(
    open_page: Open, schedule: Callable[..., str], viewer: str
) -> None:
    name = schedule("looked-at", cron="0 3 * * *")
    page = open_page("#/schedules", viewer)
    expect(page.get_by_role("link", name=name)).to_be_visible()
    expect(page.get_by_test_id("new-schedule")).to_have_count(0)
    expect(page.get_by_label(f"What to do with {name}")).to_have_count(0)
    page.get_by_role("link", name=name).click()
    expect(page.get_by_test_id("next-times")).to_be_visible()
    expect(page.get_by_test_id("run-now")).to_have_count(0)
    for address in ("#/keys", "#/audit", "#/schedules/+new"):
        page.evaluate("address => { location.hash = address }", address)
        expect(page.get_by_test_id("no-permission")).to_be_visible()


def test_pages_say_that_they_are_old_when_the_api_is_gone(open_page: Open, schedule: Callable[..., str]) -> None:
    name = schedule("stale", cron="0 3 * * *")
    page = open_page("#/schedules")
    expect(page.get_by_role("link", name=name)).to_be_visible()
    page.route("**/api/**", lambda route: route.abort())

    expect(page.get_by_test_id("stale-banner")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name=name)).to_be_visible()


ADDRESSES = {
    "schedules": "#/schedules",
    "schedule": "#/schedules/looked-over",
    "schedule-edit": "#/schedules/looked-over/edit",
    "submit": "#/submit",
    "keys": "#/keys",
    "audit": "#/audit",
}


def test_every_page_is_for_everyone(open_page: Open, schedule: Callable[..., str], look: Look) -> None:
    schedule("looked-over", cron="30 2 * * mon-fri", timezone="Europe/Berlin")
    page = open_page("#/schedules", look=look)
    for name, address in ADDRESSES.items():
        page.evaluate("address => { location.hash = address }", address)
        expect(page.locator("h1")).to_be_visible()
        page.wait_for_load_state("networkidle")
        expect(page.get_by_test_id("loading")).to_have_count(0)
        examine(page, name, look)


def test_a_viewer_sees_no_actions_on_queues(browser: Browser, guarded_stack: RunningStack) -> None:
    viewer = ask(guarded_stack, "POST", "/keys", {"name": "looker", "role": "viewer"})
    ask(guarded_stack, "PUT", "/queues/seen", {"max_running": 2})
    page = browser.new_page(viewport=ViewportSize(width=1440, height=900))
    page.goto(f"{guarded_stack.url}/#/queues")
    sign_in(page, viewer["key"])

    expect(page.locator('[data-row-id="seen"]')).to_contain_text("2 at a time", timeout=40_000)
    expect(page.get_by_test_id("queue-pause")).to_have_count(0)
    page.locator('[data-row-id="seen"] a').first.click()
    expect(page.get_by_test_id("settings-words")).to_contain_text("2 at a time", timeout=15_000)
    for action in ("queue-pause", "queue-more", "settings-save"):
        expect(page.get_by_test_id(action)).to_have_count(0)
    page.screenshot(path=SCREENSHOTS / "queue-viewer.png")
    page.close()
