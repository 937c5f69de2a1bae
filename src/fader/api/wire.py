"""JSON in and out. Bodies are read with a limit; what machines write is checked by msgspec."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from fader.errors import BadInput, Problem

T = TypeVar("T")
#: The largest body that is read. Batches of log lines are the largest there are.
LIMIT = 16 * 1024 * 1024
#: Of a stream of events: a proxy that keeps answers back would keep events back.
STREAM = {"cache-control": "no-store", "x-accel-buffering": "no"}


def reply(body: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


async def body_of(request: Request, limit: int = LIMIT) -> bytes:
    """The whole body. Raises BadInput when it is larger than `limit` bytes."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > limit:
            raise BadInput(Problem(f"the body is larger than {limit:,} bytes", "send it in smaller parts"))
        parts.append(part)
    return b"".join(parts)


async def read(request: Request, kind: type[T], limit: int = LIMIT) -> T:
    """The body as `kind`; an empty body counts as {}. Raises BadInput, naming the place."""
    body = await body_of(request, limit)
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError) as e:
        raise BadInput(
            Problem(f"the body is not what was expected: {e}", "send JSON as the API reference shows")
        ) from None
