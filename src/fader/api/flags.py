"""/v1/flags: look at flags, switch and explain them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.gateway import number
from fader.api.wire import read, reply
from fader.engine.flag_desk import STALE_AFTER, FlagDesk
from fader.errors import BadInput, NotFound, Problem

#: More flags than there are.
ALL = 1_000_000


@dataclass(frozen=True, slots=True)
class Reason:
    """The body of a switch."""

    reason: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """The body of an explanation: who asks."""

    unit: str = ""
    attributes: dict[str, Any] = field(default_factory=dict)


def routes(desk: FlagDesk) -> list[BaseRoute]:
    async def every(request: Request) -> Response:
        found = desk.found(request.query_params.get("q", "").strip())
        start, most = _count(request, "offset", 0), _count(request, "limit", ALL)
        shown = desk.standings(number(request, "stale_after", STALE_AFTER), found[start : start + most])
        return reply({"flags": shown, "total": len(found)})

    async def one(request: Request) -> Response:
        return reply(desk.standing(request.path_params["name"]))

    async def switch(request: Request) -> Response:
        command = request.path_params["command"]
        if command not in ("on", "off"):
            raise NotFound(f"there is no command {command!r}; there are: on, off")
        asked = await read(request, Reason)
        actor, name = request.state.actor, request.path_params["name"]
        return reply(desk.switch(name, command == "on", actor, asked.reason))

    async def explain(request: Request) -> Response:
        asked = await read(request, Question)
        try:
            return reply(desk.explain(request.path_params["name"], asked.unit, asked.attributes))
        except UnicodeEncodeError:
            raise BadInput(Problem("the unit is no valid text")) from None

    return [
        Route("/v1/flags", every),
        Route("/v1/flags/{name}", one),
        Route("/v1/flags/{name}/explain", explain, methods=["POST"]),
        Route("/v1/flags/{name}/{command}", switch, methods=["POST"]),
    ]


def _count(request: Request, name: str, default: int) -> int:
    """A whole number of the query. Raises BadInput."""
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise BadInput(Problem(f"{name} must be a whole number"))
    return int(text)
