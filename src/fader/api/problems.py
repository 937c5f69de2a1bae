"""Errors as RFC 9457 problem details."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from fader.errors import BadInput, Conflict, FaderError, NotFound, Refused, Unavailable

STATUS: dict[type[FaderError], tuple[int, str]] = {
    BadInput: (422, "Bad input"),
    NotFound: (404, "Not found"),
    Refused: (409, "Refused"),
    Conflict: (409, "Changed meanwhile"),
    Unavailable: (503, "Unavailable"),
}

log = structlog.get_logger("fader.api")


def problem(status: int, title: str, detail: str, **more: Any) -> Response:
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}
    return Response(msgspec.json.encode(body), status, media_type="application/problem+json")


async def on_fader_error(_request: Request, error: Exception) -> Response:
    status, title = next((v for k, v in STATUS.items() if isinstance(error, k)), (500, "fader failed"))
    more = {"problems": error.problems} if isinstance(error, BadInput) else {}
    return problem(status, title, str(error), **more)


async def on_any_error(request: Request, error: Exception) -> Response:
    log.error("request failed", path=request.url.path, exc_info=error)
    return problem(500, "fader failed", "an unexpected error; the server's log says more")
