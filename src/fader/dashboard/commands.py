"""POST /rollouts/{name}/{command}: the buttons. They work without script (303 back to the page) and with it (JSON).

Whether the request may come from this browser at all (session, Host, Origin) is decided before it gets here.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from fader.dashboard.templating import Templates, address
from fader.errors import BadInput, Problem
from fader.model.decision import Command, CommandName
from fader.ports.control import Control

#: A form is a reason and a tick; bytes.
LARGEST_FORM = 16_384
LONGEST_REASON = 1_000


async def form(request: Request, largest: int = LARGEST_FORM) -> dict[str, str]:
    """The fields of a urlencoded form; the last of equal names wins. Raises BadInput when it is too large."""
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > largest:
            fix = f"Keep the reason under {LONGEST_REASON} characters." if largest == LARGEST_FORM else ""
            raise BadInput(Problem("The form is too large.", fix))
    fields = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=20)
    return {key: values[-1] for key, values in fields.items()}


def reason_of(fields: Mapping[str, str]) -> str:
    """What the person wrote, on one line; "" for nothing. Raises BadInput when it is too long."""
    reason = " ".join(fields.get("reason", "").split())
    if len(reason) > LONGEST_REASON:
        raise BadInput(Problem("The reason is too long.", f"Keep it under {LONGEST_REASON} characters."))
    return reason


class Commands:
    def __init__(self, control: Control, templates: Templates) -> None:
        self._control = control
        self._templates = templates

    async def post(self, request: Request, command: CommandName) -> Response:
        """Raises NotFound, Refused, BadInput."""
        name = request.path_params["name"]
        fields = await form(request)
        reason = reason_of(fields)
        if command == "promote" and not reason:
            raise BadInput(Problem("A promotion without proof needs a reason.", "Say why it is right to go on now."))
        view = await self._control.command(
            name,
            Command(command, actor="dashboard", reason=reason, same_units=bool(fields.get("same_units"))),
        )
        if "application/json" in request.headers.get("accept", ""):
            return JSONResponse({"headline": view.headline})
        return RedirectResponse(address(name), 303)

    async def preview(self, request: Request) -> Response:
        """A page with the link or header that shows the candidate. Raises NotFound, Refused."""
        name = request.path_params["name"]
        view = await self._control.rollout(name)
        made = await self._control.preview(name)
        return self._templates.page("preview.html", view=view, preview=made, back=address(name))
