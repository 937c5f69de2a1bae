import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest
from starlette.applications import Starlette

# The twin of Control is shared by the unit and the browser tests; tests are no package, so its folder is named here.
TESTS = str(Path(__file__).parents[2])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

from dashboard_twin.control import ScriptedControl  # noqa: E402
from fader.dashboard.pages import routes  # noqa: E402

NOW = 1_764_000_000.0


@pytest.fixture
def now() -> float:
    return NOW


@pytest.fixture
def client(now: float) -> Callable[[ScriptedControl], httpx2.AsyncClient]:
    """The pages of a control over HTTP, at the moment `now`."""

    def made(control: ScriptedControl) -> httpx2.AsyncClient:
        app = Starlette(
            routes=routes(control, control.flags, control.applier, control.installation, control.notifier, lambda: now)
        )
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app=app), base_url="http://fader")

    return made
