"""The dashboard under the security policy that CloudFront gives it on AWS; on a laptop it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from tests.deployment.templates import resource
from tests.e2e.browsing import CHROMIUM, FLAGS, Visits, needs_browser, until_live
from tests.e2e.conftest import RunningStack
from tests.e2e.test_shell import TITLES, heading

pytestmark = needs_browser

# A page whose headers were changed on the way counts as one from the internet, which may not open a socket to this computer.
MAY_CALL_HOME = "--disable-features=LocalNetworkAccessChecks"

NOTE_VIOLATIONS = """
addEventListener("securitypolicyviolation", (event) => {
  const known = JSON.parse(sessionStorage.getItem("violations") ?? "[]");
  sessionStorage.setItem("violations", JSON.stringify([...known, `${event.violatedDirective}: ${event.blockedURI}`]));
});
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, MAY_CALL_HOME])
        yield browser
        browser.close()


def policy() -> str:
    headers = resource("edge", "PageHeaders")["ResponseHeadersPolicyConfig"]["SecurityHeadersConfig"]
    said: str = headers["ContentSecurityPolicy"]["ContentSecurityPolicy"]
    return said


def give_policy(route: Route) -> None:
    answer = route.fetch()
    route.fulfill(response=answer, headers={**answer.headers, "content-security-policy": policy()})


def violations(page: Page) -> object:
    return page.evaluate('JSON.parse(sessionStorage.getItem("violations") ?? "[]")')


def test_every_page_works_and_breaks_no_rule(visit: Visits, stack: RunningStack) -> None:
    job = stack.submit("echo", {"a": 1})
    page = visit.blank()
    page.add_init_script(NOTE_VIOLATIONS)
    page.route(re.compile(re.escape(stack.url) + r"/?(#.*)?$"), give_policy)

    answer = page.goto(f"{stack.url}/")
    assert answer is not None
    assert answer.headers["content-security-policy"] == policy()
    until_live(page)  # its WebSocket is one of its own origin
    for path, title in TITLES.items():
        page.goto(f"{stack.url}/#/{path}")
        heading(page, title)
        page.wait_for_load_state("networkidle")
    page.goto(f"{stack.url}/#/jobs/{job['id']}")
    expect(page.get_by_text(job["id"]).first).to_be_visible()
    page.wait_for_load_state("networkidle")

    assert violations(page) == []


def test_what_is_not_ours_is_refused(visit: Visits, stack: RunningStack) -> None:
    page = visit.blank()
    page.add_init_script(NOTE_VIOLATIONS)
    page.route(re.compile(re.escape(stack.url) + r"/?(#.*)?$"), give_policy)
    page.goto(f"{stack.url}/")
    until_live(page)

    page.evaluate("fetch('https://elsewhere.example/').catch(() => 0)")
    page.evaluate(
        "document.body.append(Object.assign(document.createElement('script'), {textContent: 'window.ran = 1'}))"
    )

    assert page.evaluate("window.ran") is None
    assert violations(page) == ["connect-src: https://elsewhere.example/", "script-src-elem: inline"]
