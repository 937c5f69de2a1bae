"""/v1/units: what a unit has and had, and erasing what is known of it."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import read, reply
from fader.ports.control import Control


@dataclass(frozen=True, slots=True)
class Asked:
    """The id is in the body: it may be personal, and an address ends up in logs."""

    unit: str = ""


def routes(control: Control) -> list[BaseRoute]:
    async def forget(request: Request) -> Response:
        return reply({"erased": await control.forget(request.path_params["unit"])})

    async def look_up(request: Request) -> Response:
        return reply(await control.unit((await read(request, Asked)).unit))

    return [
        Route("/v1/units", look_up, methods=["POST"]),
        Route("/v1/units/{unit:path}", forget, methods=["DELETE"]),
    ]
