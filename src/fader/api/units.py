"""/v1/units: erase what is known of a unit."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import reply
from fader.ports.control import Control


def routes(control: Control) -> list[BaseRoute]:
    async def forget(request: Request) -> Response:
        return reply({"erased": await control.forget(request.path_params["unit"])})

    return [Route("/v1/units/{unit:path}", forget, methods=["DELETE"])]
