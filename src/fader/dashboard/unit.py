"""/units: what one unit has and had. Its id may be personal: it is posted, and stands in no address and no log."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from fader.dashboard.commands import form
from fader.dashboard.templating import Templates
from fader.errors import BadInput
from fader.ports.control import Control

#: As many stays as a page shows; a unit that was in more is told so.
SHOWN = 100


class Unit:
    def __init__(self, control: Control, templates: Templates) -> None:
        self._control, self._templates = control, templates

    async def page(self, request: Request) -> Response:
        return self._templates.page("unit.html", view=None, refusal="", shown=SHOWN)

    async def answer(self, request: Request) -> Response:
        """Raises BadInput when the form is too large."""
        given = (await form(request)).get("unit", "").strip()
        try:
            view = await self._control.unit(given)
        except BadInput as refused:
            return self._templates.page("unit.html", status=422, view=None, refusal=str(refused), shown=SHOWN)
        return self._templates.page("unit.html", view=view, refusal="", shown=SHOWN)
