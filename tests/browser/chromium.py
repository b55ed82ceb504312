"""A real browser: Debian's Chromium, headless, with a profile of its own each time."""

import contextlib
import os
import pathlib

import pytest
from playwright.sync_api import sync_playwright

# Root needs it without a sandbox, and nothing here is to talk to anybody but the front.
ARGUMENTS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
AXE = pathlib.Path(os.environ.get("GATEHOUSE_NODE", pathlib.Path(__file__).parents[2] / ".gatehouse/node")) / "node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def chromium():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


@contextlib.contextmanager
def window(chromium, front, **options):
    """A page of a browser of its own. Whatever the browser complains of is a failure: a policy that stops
    something, a resource that is missing."""
    context = chromium.new_context(base_url=str(front.base_url), **options)
    context.set_default_timeout(20_000)
    page = context.new_page()
    complaints = []
    # The answer to a refused form has a status that the console tells.
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" and "Failed to load resource" not in message.text else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
        assert complaints == []
    finally:
        context.close()


def heading(page):
    return page.locator("h1").inner_text()


def press(page, name):
    page.get_by_role("button", name=name, exact=True).click()


def accessibility(page):
    """What axe finds wrong by WCAG 2.2, levels A and AA: labels, contrast, landmarks, sizes of targets."""
    page.evaluate(AXE.read_text())
    done = page.evaluate("""async () => {
        const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
        const {passes, violations} = await axe.run(document, {runOnly: rules});
        return {passes: passes.length, violations: violations.map(v => [v.id, v.nodes.map(n => n.html + ' ' + n.failureSummary)])};
    }""")
    assert done["passes"] > 10, "the rules were not looked at"
    return done["violations"]


def overflows(page):
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")
