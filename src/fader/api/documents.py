"""/v1/plan and /v1/apply: a `fader.yaml` as text."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import read, reply
from fader.engine.apply import Applier
from fader.model import written as noun

#: How a text without a file is called in messages.
NAME = "fader.yaml"


@dataclass(frozen=True, slots=True)
class Written:
    """`path`: the file that manages the configuration from now on, for the messages too; nothing is read from it. ""
    for none: then the dashboard may change it."""

    text: str
    path: str = ""


def routes(applier: Applier) -> list[BaseRoute]:
    async def plan(request: Request) -> Response:
        written = await read(request, Written)
        return reply(await applier.plan(applier.read(written.text, written.path or NAME)))

    async def apply(request: Request) -> Response:
        written = await read(request, Written)
        document = applier.read(written.text, written.path or NAME)
        kept = noun.Written(written.text, written.path, actor=request.state.actor)
        return reply(await applier.apply(document, kept))

    return [Route("/v1/plan", plan, methods=["POST"]), Route("/v1/apply", apply, methods=["POST"])]
