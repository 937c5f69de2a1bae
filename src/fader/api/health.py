"""/v1/health: is the server there?"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader import __version__
from fader.api.wire import reply
from fader.engine.controller import Controller


def routes(controller: Controller, environment: str = "") -> list[BaseRoute]:
    async def health(_request: Request) -> Response:
        failing = controller.failing
        status = "failing" if failing else "ok"
        found = {"status": status, "version": __version__, "environment": environment}
        return reply(found, 503 if failing else 200)

    return [Route("/v1/health", health)]
