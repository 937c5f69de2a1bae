import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

# The twin of Control is shared by the unit and the browser tests; tests are no package, so its folder is named here.
TESTS = str(Path(__file__).parents[2])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

CHROMIUM = Path("/usr/bin/chromium")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
#: A noisy machine may take its time; nothing here measures it. Milliseconds.
PATIENCE = 30_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if not CHROMIUM.exists():
        pytest.fail(f"{CHROMIUM} is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """A new page in its own context; keywords go to the context. `page.said` holds what the console said."""
    with ExitStack() as stack:

        def opened(**options: object) -> Page:
            context: BrowserContext = browser.new_context(**{"reduced_motion": "reduce", **options})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.said = []
            page.on("console", lambda m: page.said.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda e: page.said.append(str(e)))
            page.on("dialog", lambda d: (page.said.append(d.message), d.dismiss()))
            return page

        yield opened
