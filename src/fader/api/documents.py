"""/v1/plan and /v1/apply: a `fader.yaml` as text."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import read, reply
from fader.engine.apply import Applier
from fader.model import written as noun
from fader.schema.document import Document
from fader.schema.source import MAX_BYTES

#: How a text without a file is called in messages.
NAME = "fader.yaml"
#: Bytes of the body: in JSON a character of the text may take three times as many.
LARGEST = 3 * MAX_BYTES + 100_000


@dataclass(frozen=True, slots=True)
class Written:
    """`path`: the file that manages the configuration from now on, for the messages too; nothing is read from it. ""
    for none: then the dashboard may change it."""

    text: str
    path: str = ""


def routes(applier: Applier) -> list[BaseRoute]:
    async def document_of(written: Written) -> Document:
        """Read aside: ten thousand flags take seconds, in which everybody else is answered. Raises BadInput."""
        return await asyncio.to_thread(applier.read, written.text, written.path or NAME)

    async def plan(request: Request) -> Response:
        return reply(await applier.plan(await document_of(await read(request, Written, LARGEST))))

    async def apply(request: Request) -> Response:
        written = await read(request, Written, LARGEST)
        document = await document_of(written)
        kept = noun.Written(written.text, written.path, actor=request.state.actor)
        return reply(await applier.apply(document, kept))

    return [Route("/v1/plan", plan, methods=["POST"]), Route("/v1/apply", apply, methods=["POST"])]
