"""/v1/notifications: the channels as they stand, and a test of each."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import reply
from fader.engine.notifier import Notifier


def routes(notifier: Notifier) -> list[BaseRoute]:
    async def every(_request: Request) -> Response:
        return reply({"channels": notifier.views()})

    async def test(request: Request) -> Response:
        return reply(await notifier.test(request.path_params["name"], request.state.actor))

    return [
        Route("/v1/notifications", every),
        Route("/v1/notifications/{name}/test", test, methods=["POST"]),
    ]
