"""A real browser for tests of pages: Debian's chromium, without a window, driven by Playwright."""

import shutil

import pytest


@pytest.fixture(scope="module")
def browser():
    """One for the tests of a file, not of all: while it runs, nothing else of the process may use asyncio."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install -r requirements-dev.txt")
    program = shutil.which("chromium") or pytest.skip("no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # root needs --no-sandbox; the pages are our own and load nothing
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def opened(browser):
    """Opens a page: (path, width, dark) -> its view; every error of a page's script or console fails the test."""
    contexts, errors = [], []

    def open_page(path, width=1280, dark=False):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", accept_downloads=True
        )
        context.set_default_timeout(120_000)  # a busy machine takes more than half a minute to open a report
        contexts.append(context)
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        view = context.new_page()
        view.goto(path.as_uri())
        return view

    yield open_page
    for context in contexts:
        context.close()
    assert not errors, errors


def until(view, expression: str, seconds: float = 20) -> None:
    """Wait until JavaScript says true; the pages forbid the evaluation that Playwright itself waits by."""
    for _ in range(int(10 * seconds)):
        if view.evaluate(expression):
            return
        view.wait_for_timeout(100)
    raise AssertionError(f"never true: {expression}")


# what is wider than the screen or than its own box, and is no box that scrolls
TOO_WIDE = """() => [...document.querySelectorAll('body, body *')].filter((e) => {
    const style = getComputedStyle(e), scrolls = ['auto', 'scroll', 'hidden'].includes(style.overflowX);
    const inside = (e.parentElement && e.parentElement.closest('.wide, #field, svg, dialog, details:not([open])'));
    const wide = e.getBoundingClientRect().right > innerWidth + 1 || (!scrolls && e.scrollWidth > e.clientWidth + 1);
    return wide && !inside && e.clientWidth > 0 && style.display !== 'inline';
}).map((e) => e.tagName + '#' + e.id + '.' + e.className).slice(0, 5)"""

# controls that a screen reader could not name
WITHOUT_NAME = """() => [...document.querySelectorAll('button, input, select')].filter((e) =>
    !(e.textContent.trim() || e.getAttribute('aria-label') || (e.labels && e.labels.length) || e.title)
).map((e) => e.outerHTML.slice(0, 80))"""

# what reaches out of a box at its right, and is no box that scrolls
INSIDE = """(box) => [...document.querySelectorAll(box + ' *')].filter((e) => {
    const inside = e.closest('#field, svg'), edge = document.querySelector(box).getBoundingClientRect().right;
    return !inside && e.clientWidth > 0 && e.getBoundingClientRect().right > edge + 1;
}).map((e) => e.tagName + '#' + e.id + '.' + e.className).slice(0, 5)"""
