"""Pages in a real browser, in each theme and width; what axe says of them, and pictures of them.

Chromium: any that is installed. Where there is none, tests that name ``needs_browser`` are reported as not run. Pictures are
kept in build/screenshots, as <page>-<width>-<theme>.png.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any, Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from infra.local.stack import ROOT

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
SCREENSHOTS = ROOT / "build" / "screenshots"
AXE = ROOT / "frontend" / "node_modules" / "axe-core" / "axe.min.js"

needs_browser = [
    pytest.mark.timeout(400),
    pytest.mark.skipif(CHROMIUM is None, reason="not run: no Chromium is installed here"),
]


class Look(NamedTuple):
    """How wide a window is, and in which colours its owner has the world."""

    width: int
    theme: Literal["light", "dark"]

    def __str__(self) -> str:
        return f"{self.width}-{self.theme}"


DESK = Look(1440, "light")
LOOKS = [DESK, Look(1440, "dark"), Look(390, "light"), Look(390, "dark")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(params=LOOKS, ids=str)
def look(request: pytest.FixtureRequest) -> Look:
    """Runs its test in each of them."""
    look: Look = request.param
    return look


class Visits:
    """Opens pages. One that logs an error fails its test."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._pages: list[Page] = []
        self._faults: list[str] = []

    def __call__(self, url: str, look: Look = DESK, *, key: str = "") -> Page:
        """key: to sign in with."""
        page = self.blank(look)
        if key:
            page.add_init_script(f'sessionStorage.setItem("api-key", "{key}")')
        page.goto(url)
        return page

    def blank(self, look: Look = DESK) -> Page:
        """To be told first what it shall meet."""
        page = self._browser.new_page(viewport={"width": look.width, "height": 900}, color_scheme=look.theme)
        page.on("pageerror", lambda error: self._faults.append(str(error)))
        self._pages.append(page)
        return page

    def end(self) -> None:
        for page in self._pages:
            page.close()
        assert self._faults == []


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visits]:
    visits = Visits(browser)
    yield visits
    visits.end()


def until_live(page: Page) -> Page:
    """Once what it shows is whole, and followed."""
    state = page.get_by_test_id("connection-state")
    expect(state).to_have_attribute("data-state", "live", timeout=90_000)  # the first call of a function takes its time
    return page


def examine(page: Page, name: str, look: Look) -> None:
    """Keeps a picture, and asserts that axe finds nothing and that nothing is wider than the window."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}-{look}.png")
    found = violations(page)
    assert not found, "\n".join(found)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it scrolls sideways"


def violations(page: Page) -> list[str]:
    """What axe finds: rules of WCAG 2.2 AA and what is good practice beyond them. Animations have ended by then."""
    page.evaluate(
        "document.getAnimations().forEach(each => each.effect?.getTiming().iterations === Infinity || each.finish())"
    )
    if not page.evaluate("'axe' in window"):
        page.add_script_tag(path=AXE)
    found: list[dict[str, Any]] = page.evaluate("axe.run().then(({ violations }) => violations)")
    return [
        f"{rule['id']}: {node['html'][:200]} ({node['failureSummary']})" for rule in found for node in rule["nodes"]
    ]
