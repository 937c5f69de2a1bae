"""/v1/changes: server-sent events that say which rollout to look at again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fader.api.wire import STREAM
from fader.ports.control import Control

HEARTBEAT = 15.0


def routes(control: Control) -> list[BaseRoute]:
    async def changes(_request: Request) -> Response:
        return StreamingResponse(_stream(control), media_type="text/event-stream", headers=STREAM)

    return [Route("/v1/changes", changes)]


async def _stream(control: Control) -> AsyncIterator[bytes]:
    yield b": fader\n\n"  # so that the client knows at once that it is connected
    names = control.changes()
    pending: asyncio.Task[str] | None = None
    try:
        while True:
            pending = pending or asyncio.create_task(_next(names))
            done, _ = await asyncio.wait((pending,), timeout=HEARTBEAT)
            if not done:
                yield b": still here\n\n"
                continue
            name, pending = pending.result(), None
            yield f"event: changed\ndata: {name}\n\n".encode()
    finally:
        if pending:
            pending.cancel()


async def _next(names: AsyncIterator[str]) -> str:
    return await anext(names)
