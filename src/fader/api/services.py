"""/v1/services: the services that the gateways hold, with their versions, traffic and rollouts."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import reply
from fader.ports.control import Control


def routes(control: Control) -> list[BaseRoute]:
    async def one(request: Request) -> Response:
        return reply(await control.service(request.path_params["name"]))

    return [Route("/v1/services/{name}", one)]
