"""/v1/plan and /v1/apply: a `fader.yaml` as text."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import read, reply
from fader.engine.apply import Applier
from fader.schema.document import load_document


@dataclass(frozen=True, slots=True)
class Written:
    """`path` is only for the messages; nothing is read from it."""

    text: str
    path: str = "fader.yaml"


def routes(applier: Applier) -> list[BaseRoute]:
    async def plan(request: Request) -> Response:
        written = await read(request, Written)
        return reply(await applier.plan(load_document(written.text, written.path)))

    async def apply(request: Request) -> Response:
        written = await read(request, Written)
        return reply(await applier.apply(load_document(written.text, written.path)))

    return [Route("/v1/plan", plan, methods=["POST"]), Route("/v1/apply", apply, methods=["POST"])]
