"""The API's reference in a real browser. Screenshots stay in build/e2e."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest
import urllib3
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.e2e.browsing import needs_browser
from tests.e2e.conftest import BUILD, RunningStack

METHODS = {"get", "put", "post", "delete"}
FILES = ("/reference/reference.js", "/reference/reference.css")

pytestmark = needs_browser


@dataclass
class Watch:
    """What a page did that nobody sees: whom it asked, and what went wrong. Violations of the policy are logged as errors."""

    hosts: set[str] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)

    def follow(self, page: Page) -> None:
        page.on("request", self._asked)
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.faults.append(str(error)))

    def _asked(self, request: Request) -> None:
        address = urlsplit(request.url)
        if address.scheme != "data":
            self.hosts.add(address.netloc)

    def _said(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(message.text)


@pytest.fixture(params=["light", "dark"])
def reference(request: pytest.FixtureRequest, browser: Browser, stack: RunningStack) -> Iterator[Page]:
    """Read and used without a fault, and without a word to another host."""
    watch = Watch()
    page = browser.new_page(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
    watch.follow(page)
    page.goto(f"{stack.api_url}/docs")
    expect(page.locator(".opblock").first).to_be_visible(timeout=15_000)
    yield page
    page.screenshot(path=BUILD / f"reference-{request.param}.png")
    page.close()
    assert (watch.hosts, watch.faults) == ({urlsplit(stack.url).netloc}, [])


def test_the_reference_lists_every_operation_of_the_description(reference: Page, stack: RunningStack) -> None:
    paths = json.loads(stack.get("/openapi.json").data)["paths"]
    described = {(method.upper(), path) for path, item in paths.items() for method in item if method in METHODS}

    shown = [
        (
            row.locator(".opblock-summary-method").inner_text(),
            row.locator("[data-path]").first.get_attribute("data-path"),
        )
        for row in reference.locator(".opblock").all()
    ]

    assert sorted(shown) == sorted(described)


def test_a_call_can_be_tried_with_a_key(reference: Page) -> None:
    reference.locator(".btn.authorize").first.click()
    reference.locator(".auth-container input").fill("js_example")
    reference.locator(".modal-btn.authorize").click()
    reference.get_by_role("button", name="Close", exact=True).click()

    listing = reference.locator("#operations-jobs-list_jobs")
    listing.locator(".opblock-summary-control").click()
    listing.get_by_role("button", name="Try it out").click()
    with reference.expect_request(
        lambda request: "/api/jobs?" in request.url or request.url.endswith("/api/jobs")
    ) as asked:
        listing.get_by_role("button", name="Execute").click()

    assert asked.value.headers["authorization"] == "Bearer js_example"
    expect(listing.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")


def test_the_reference_fits_a_phone(browser: Browser, stack: RunningStack) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    page.goto(f"{stack.api_url}/docs")
    submit = page.locator("#operations-jobs-submit")
    submit.locator(".opblock-summary-control").click(timeout=15_000)
    expect(submit.get_by_role("button", name="Try it out")).to_be_visible()
    page.screenshot(path=BUILD / "reference-phone.png", full_page=True)

    assert page.evaluate("document.documentElement.scrollWidth") == 390
    page.close()


def test_without_its_reader_the_page_leads_to_the_description(browser: Browser, stack: RunningStack) -> None:
    page = browser.new_page()
    page.route("**/reference/*", lambda route: route.fulfill(status=404))
    page.goto(f"{stack.api_url}/docs")

    page.locator("main").get_by_role("link", name="openapi.json").click()

    assert "Job Scheduler" in page.inner_text("body")
    page.close()


@pytest.mark.parametrize("path", FILES)
def test_a_file_whose_name_never_changes_is_asked_for_each_time(stack: RunningStack, path: str) -> None:
    answer = urllib3.request("HEAD", stack.url + path)

    assert (answer.status, answer.headers["Cache-Control"]) == (200, "no-cache")
