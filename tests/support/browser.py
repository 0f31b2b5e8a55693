"""A real browser for tests of pages: Debian's chromium, without a window, driven by Playwright."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def opened_browser(width: int = 1280, height: int = 900, dark: bool = False) -> Iterator["BrowserContext"]:  # noqa: F821
    """A context that opens pages; every error of a page's script or console fails the test."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="pip install -r requirements-dev.txt")
    program = shutil.which("chromium") or pytest.skip("no chromium: apt-get install chromium")
    with sync_api.sync_playwright() as playwright:
        # root needs --no-sandbox; the pages are our own and load nothing
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            accept_downloads=True,
        )
        errors: list[str] = []
        context.on("weberror", lambda error: errors.append(str(error.error)))
        context.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        try:
            yield context
        finally:
            browser.close()
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
