"""Signing in to the dashboard, in a real browser, where the API asks for keys. Screenshots stay in build/e2e."""

from __future__ import annotations

from typing import Any, Protocol

import pytest
import urllib3
from playwright.sync_api import Page, expect

from tests.e2e.browsing import Look, Visits, examine, needs_browser, until_live
from tests.e2e.conftest import BUILD

pytestmark = needs_browser


class Guarded(Protocol):
    """A stack that asks for keys, and its administrator's key."""

    url: str
    key: str


def ask(guarded: Guarded, method: str, path: str, body: object = None) -> Any:
    """As its administrator."""
    headers = {"Authorization": f"Bearer {guarded.key}"}
    answer = urllib3.request(method, f"{guarded.url}/api{path}", json=body, headers=headers)
    assert answer.status < 300, answer.data
    return answer.json() if answer.data else None


@pytest.fixture
def stranger(visit: Visits, guarded_stack: Guarded) -> Page:
    """A page that has no key yet. What the browser says of refused requests is no fault of the page."""
    page = visit(guarded_stack.url)
    expect(page.get_by_test_id("sign-in")).to_be_visible(timeout=15_000)
    return page


def sign_in(page: Page, key: str) -> None:
    page.get_by_test_id("api-key").fill(key)
    page.get_by_test_id("sign-in-button").click()


def test_the_door_is_open_to_all(visit: Visits, guarded_stack: Guarded, look: Look) -> None:
    page = visit(guarded_stack.url, look)
    expect(page.get_by_test_id("sign-in")).to_be_visible(timeout=15_000)

    examine(page, "sign-in", look)


def test_a_stranger_sees_no_job_and_a_reader_with_a_key_sees_them_live(stranger: Page, guarded_stack: Guarded) -> None:
    urls: list[str] = []
    stranger.on("request", lambda request: urls.append(request.url))
    stranger.on("websocket", lambda socket: urls.append(socket.url))
    sign_in(stranger, "js_unknown")
    expect(stranger.get_by_test_id("sign-in-complaint")).to_contain_text("unknown")

    sign_in(stranger, guarded_stack.key)

    until_live(stranger)
    stranger.get_by_role("link", name="Submit", exact=True).click()
    stranger.get_by_test_id("submit").click()
    expect(stranger.get_by_test_id("submitted-job")).to_be_visible(timeout=10_000)
    stranger.get_by_role("link", name="Jobs", exact=True).click()
    expect(stranger.locator('[data-testid="job-row"][data-status="COMPLETED"]').first).to_be_visible(timeout=20_000)
    stranger.screenshot(path=BUILD / "signed-in.png")
    assert any("/ws?ticket=" in url for url in urls)
    assert [url for url in urls if guarded_stack.key in url] == []
    assert guarded_stack.key not in stranger.evaluate("JSON.stringify(localStorage)")

    stranger.get_by_test_id("account").click()
    stranger.get_by_test_id("sign-out").click()
    expect(stranger.get_by_test_id("sign-in")).to_be_visible()
    stranger.reload()
    expect(stranger.get_by_test_id("sign-in")).to_be_visible(timeout=15_000)


def test_a_viewers_key_is_told_what_it_may_not_do(stranger: Page, guarded_stack: Guarded) -> None:
    viewer = ask(guarded_stack, "POST", "/keys", {"name": "reader", "role": "viewer"})
    sign_in(stranger, viewer["key"])
    expect(stranger.get_by_test_id("account")).to_be_visible(timeout=15_000)
    stranger.goto(f"{guarded_stack.url}/#/submit")

    expect(stranger.get_by_test_id("submit")).to_be_disabled(timeout=15_000)
    expect(stranger.get_by_text("Your key may not do this").first).to_be_visible()
    stranger.screenshot(path=BUILD / "viewer.png")


def test_pages_for_administrators_are_not_for_others(stranger: Page, guarded_stack: Guarded) -> None:
    operator = ask(guarded_stack, "POST", "/keys", {"name": "mechanic", "role": "operator"})
    sign_in(stranger, operator["key"])
    pages = stranger.get_by_role("navigation", name="Pages")
    expect(pages.get_by_role("link", name="Submit", exact=True)).to_be_visible(timeout=15_000)
    expect(pages.get_by_role("link", name="Keys")).to_have_count(0)

    stranger.goto(f"{guarded_stack.url}/#/keys")

    expect(stranger.get_by_test_id("no-permission")).to_be_visible()
    stranger.get_by_test_id("account").click()
    expect(stranger.get_by_text("mechanic")).to_be_visible()
    stranger.screenshot(path=BUILD / "no-permission.png")


def test_a_revoked_key_leads_back_to_the_door_and_nothing_is_tried_again(
    stranger: Page, guarded_stack: Guarded
) -> None:
    viewer = ask(guarded_stack, "POST", "/keys", {"name": "reader", "role": "viewer"})
    sign_in(stranger, viewer["key"])
    until_live(stranger)

    ask(guarded_stack, "DELETE", f"/keys/{viewer['id']}")

    expect(stranger.get_by_test_id("sign-in-complaint")).to_contain_text("revoked", timeout=75_000)
    asked: list[str] = []
    stranger.on("request", lambda request: asked.append(request.url))
    stranger.screenshot(path=BUILD / "revoked.png")
    stranger.wait_for_timeout(3_000)  # longer than a reconnect would take
    assert asked == []
