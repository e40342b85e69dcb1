"""Signing in to the dashboard, in a real browser, where the API asks for keys. Screenshots stay in build/e2e."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import pytest
import urllib3
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import BUILD
from tests.e2e.test_dashboard import CHROMIUM, browser

__all__ = ["browser"]

pytestmark = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="not run: no Chromium is installed here"),
]


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
def stranger(browser: Browser, guarded_stack: Guarded) -> Iterator[Page]:
    """A page that has no key yet. What the browser says of refused requests is no fault of the page."""
    faults: list[str] = []
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.goto(guarded_stack.url)
    expect(page.get_by_test_id("sign-in")).to_be_visible(timeout=15_000)
    yield page
    page.close()
    assert faults == []


def sign_in(page: Page, key: str) -> None:
    page.get_by_test_id("api-key").fill(key)
    page.get_by_test_id("sign-in-button").click()


def test_a_stranger_sees_no_job_and_a_reader_with_a_key_sees_them_live(stranger: Page, guarded_stack: Guarded) -> None:
    urls: list[str] = []
    stranger.on("request", lambda request: urls.append(request.url))
    stranger.on("websocket", lambda socket: urls.append(socket.url))
    sign_in(stranger, "js_unknown")
    expect(stranger.get_by_test_id("sign-in-complaint")).to_contain_text("unknown")

    sign_in(stranger, guarded_stack.key)

    expect(stranger.get_by_test_id("connection-state")).to_have_attribute("data-state", "live", timeout=40_000)
    stranger.get_by_test_id("submit").click()
    expect(stranger.locator('[data-testid="job-row"][data-status="COMPLETED"]').first).to_be_visible(timeout=20_000)
    stranger.screenshot(path=BUILD / "signed-in.png")
    assert any("/ws?ticket=" in url for url in urls)
    assert [url for url in urls if guarded_stack.key in url] == []
    assert guarded_stack.key not in stranger.evaluate("JSON.stringify(localStorage)")

    stranger.get_by_test_id("sign-out").click()
    expect(stranger.get_by_test_id("sign-in")).to_be_visible()
    stranger.reload()
    expect(stranger.get_by_test_id("sign-in")).to_be_visible(timeout=15_000)


def test_a_viewers_key_is_told_what_it_may_not_do(stranger: Page, guarded_stack: Guarded) -> None:
    viewer = ask(guarded_stack, "POST", "/keys", {"name": "reader", "role": "viewer"})
    sign_in(stranger, viewer["key"])

    expect(stranger.get_by_test_id("submit")).to_be_disabled(timeout=15_000)
    expect(stranger.get_by_text("Your key may not do this").first).to_be_visible()
    stranger.screenshot(path=BUILD / "viewer.png")


def test_a_revoked_key_leads_back_to_the_door_and_nothing_is_tried_again(
    stranger: Page, guarded_stack: Guarded
) -> None:
    viewer = ask(guarded_stack, "POST", "/keys", {"name": "reader", "role": "viewer"})
    sign_in(stranger, viewer["key"])
    expect(stranger.get_by_test_id("connection-state")).to_have_attribute("data-state", "live", timeout=40_000)

    ask(guarded_stack, "DELETE", f"/keys/{viewer['id']}")

    expect(stranger.get_by_test_id("sign-in-complaint")).to_contain_text("revoked", timeout=75_000)
    asked: list[str] = []
    stranger.on("request", lambda request: asked.append(request.url))
    stranger.screenshot(path=BUILD / "revoked.png")
    stranger.wait_for_timeout(3_000)  # longer than a reconnect would take
    assert asked == []
