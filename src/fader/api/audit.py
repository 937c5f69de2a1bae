"""/v1/audit: the steps of all rollouts, newest first, in pages."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import reply
from fader.errors import BadInput, Problem
from fader.model.audit import place
from fader.ports.control import Control
from fader.schema.audit import filter_of, place_of, place_text

#: Records in one answer, unless asked otherwise, and at most.
PAGE, MOST = 100, 1000


def routes(control: Control) -> list[BaseRoute]:
    async def audit(request: Request) -> Response:
        query = request.query_params
        wanted, limit = filter_of(query), _limit(query.get("limit", ""))
        found = await control.records(wanted, limit + 1, before=place_of(query.get("before", "")))
        shown = found[:limit]
        further = place_text(place(shown[-1])) if len(found) > limit else None
        return reply({"records": shown, "total": await control.recorded(wanted), "next": further})

    return [Route("/v1/audit", audit)]


def _limit(text: str) -> int:
    if not text:
        return PAGE
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST):
        raise BadInput(Problem(f"limit is no number from 1 to {MOST}: {text!r}"))
    return int(text)
