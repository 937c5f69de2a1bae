"""GET /settings: this server and its data directory, its keys by name, whether it judges, its gateways, and the
channels that it tells, each with a test."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fader.clock import Clock
from fader.dashboard import digits
from fader.dashboard.live import Snapshot
from fader.dashboard.overview import lines
from fader.dashboard.templating import Templates
from fader.engine.notifier import Notifier
from fader.model.installation import Installation
from fader.ports.control import Control

#: Below this much free space writing may soon fail; bytes.
LITTLE = 1_000_000_000


def size(n: int) -> str:
    """Bytes as people read them: `0 B`, `12 kB`, `3.4 GB`."""
    scaled, unit = float(n), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if scaled < 1000 or unit == "TB":
            break
        scaled /= 1000
    return digits.tight(f"{scaled:.3g} {unit}" if scaled < 100 else f"{scaled:.0f} {unit}")


class Settings:
    def __init__(
        self,
        control: Control,
        installation: Callable[[], Installation],
        notifier: Notifier,
        templates: Templates,
        clock: Clock,
    ) -> None:
        self._control, self._installation, self._notifier = control, installation, notifier
        self._templates, self._clock = templates, clock

    async def snapshot(self) -> Snapshot:
        """Raises Unavailable."""
        now = self._clock()
        here = self._installation()
        html = self._templates.render(
            "settings_all.html",
            here=here,
            trouble=self._control.trouble(),
            little=bool(here.data) and here.free_bytes < LITTLE,
            sizes={"state": size(here.state_bytes), "events": size(here.event_bytes), "free": size(here.free_bytes)},
            gateways=lines(await self._control.gateways(), now),
            channels=self._notifier.views(),
        )
        return Snapshot(title="Settings · fader", at=now, regions={"settings": html})

    async def test(self, request: Request) -> Response:
        """What becomes of the test stands on the page. Raises NotFound."""
        view = await self._notifier.test(request.path_params["name"], "dashboard")
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"failing": view.failing})
        return RedirectResponse("/settings#notifications-title", 303)
