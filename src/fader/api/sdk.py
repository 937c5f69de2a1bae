"""/v1/sdk: what SDKs hold to evaluate by themselves, whole or as a stream of changes. For server keys alone."""

from __future__ import annotations

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fader.api.feed import Feed
from fader.api.gateway import LONGEST_WAIT, number
from fader.api.wire import STREAM, read
from fader.engine.flag_desk import FlagDesk


class Count(msgspec.Struct):
    flag: str
    variant: str
    count: Annotated[int, msgspec.Meta(ge=0, le=1_000_000_000_000)]


class Evaluations(msgspec.Struct):
    """How often each variant was given since the last delivery; `id` makes one that comes again harmless."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    counts: list[Count]


def routes(desk: FlagDesk, feed: Feed) -> list[BaseRoute]:
    async def ruleset(request: Request) -> Response:
        have = int(number(request, "have", -1))
        newer = await desk.newer(have, min(number(request, "wait", 0), LONGEST_WAIT))
        if newer is None:
            return Response(status_code=304)
        return Response(feed.current.body, media_type="application/json")

    async def stream(request: Request) -> Response:
        events = feed.follow(request.headers.get("last-event-id", ""))
        return StreamingResponse(events, media_type="text/event-stream", headers=STREAM)

    async def evaluations(request: Request) -> Response:
        told = await read(request, Evaluations)
        desk.counted(told.id, {(c.flag, c.variant): c.count for c in told.counts})
        return Response(status_code=204)

    return [
        Route("/v1/sdk/ruleset", ruleset),
        Route("/v1/sdk/stream", stream),
        Route("/v1/sdk/evaluations", evaluations, methods=["POST"]),
    ]
