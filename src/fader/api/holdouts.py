"""/v1/holdouts: what the sum of all rollouts did to those whom they may reach."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import reply
from fader.ports.control import Control


def routes(control: Control) -> list[BaseRoute]:
    async def every(_request: Request) -> Response:
        return reply({"holdouts": await control.holdouts()})

    async def one(request: Request) -> Response:
        return reply(await control.holdout(request.path_params["name"]))

    return [Route("/v1/holdouts", every), Route("/v1/holdouts/{name}", one)]
