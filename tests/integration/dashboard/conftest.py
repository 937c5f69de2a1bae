import re
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

#: Where every page of a test leaves its last picture.
PICTURES = Path(__file__).parents[3] / "test-artifacts" / "dashboard"
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
def open_page(browser: Browser, request: pytest.FixtureRequest) -> Iterator[Callable[..., Page]]:
    """A new page in its own context; keywords go to the context. `page.said` holds what the console said."""
    name = re.sub(r"[^A-Za-z0-9]+", "-", request.node.name).strip("-")[:120]
    pages: list[Page] = []
    with ExitStack() as stack:

        def opened(**options: object) -> Page:
            context: BrowserContext = browser.new_context(**{"reduced_motion": "reduce", **options})
            stack.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            pages.append(page)
            page.said = []
            page.on("console", lambda m: page.said.append(m.text) if m.type in ("error", "warning") else None)
            page.on("pageerror", lambda e: page.said.append(str(e)))
            page.on("dialog", lambda d: (page.said.append(d.message), d.dismiss()))
            return page

        yield opened
        for index, page in enumerate(pages, 1):
            picture(page, f"{name}-{index}")


def picture(page: Page, name: str) -> None:
    """What the page shows now, as PICTURES/NAME.jpg."""
    page.screenshot(path=PICTURES / f"{name}.jpg", type="jpeg", quality=60)
