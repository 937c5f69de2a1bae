"""/v1/gateway: the gateways fetch the ruleset, ship log lines and report. Their token opens nothing else."""

from __future__ import annotations

import asyncio

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import body_of, read, reply
from fader.clock import Clock
from fader.engine.fleet import Fleet
from fader.engine.publish import Publisher
from fader.errors import BadInput, Problem
from fader.model.report import GatewayReport
from fader.ports.events import EventStore
from fader.rollout.ruleset import for_gateways

LONGEST_WAIT = 30.0


def routes(publisher: Publisher, fleet: Fleet, events: EventStore, clock: Clock) -> list[BaseRoute]:
    async def ruleset(request: Request) -> Response:
        have = int(number(request, "have", -1))
        wait = min(number(request, "wait", 0), LONGEST_WAIT)
        newer = await publisher.newer(have, wait)
        return Response(status_code=304) if newer is None else reply(for_gateways(newer))

    async def lines(request: Request) -> Response:
        gateway, segment = request.query_params.get("gateway", ""), request.query_params.get("segment", "")
        offset = int(number(request, "offset", -1))
        if not gateway or not segment or offset < 0:
            raise BadInput(Problem("gateway, segment and offset must be given in the query"))
        held = await asyncio.to_thread(events.append, gateway, segment, offset, await body_of(request))
        return reply({"held": held})

    async def report(request: Request) -> Response:
        fleet.take(await read(request, GatewayReport), clock())
        return Response(status_code=204)

    return [
        Route("/v1/gateway/ruleset", ruleset),
        Route("/v1/gateway/lines", lines, methods=["POST"]),
        Route("/v1/gateway/report", report, methods=["POST"]),
    ]


def number(request: Request, name: str, default: float) -> float:
    """A number of the query. Raises BadInput."""
    try:
        return float(request.query_params.get(name, default))
    except ValueError:
        raise BadInput(Problem(f"{name} must be a number")) from None
