"""POST /v1/events: what users did, as apps say it. Its token opens nothing else."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from uuid import uuid4

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from fader.api.wire import body_of, reply
from fader.clock import Clock
from fader.errors import BadInput, Problem
from fader.ports.events import EventStore, Tracked
from fader.telemetry.tracked import row_of

#: The largest body, in bytes, and the most events in it.
BODY = 1_000_000
EVENTS = 1_000
#: An event may lie this far ahead of the server's clock. Seconds.
AHEAD = 3_600.0

_FIX = {
    "id": "give a text that is unique to the event, e.g. a UUID, or leave it out",
    "name": "name what happened, e.g. order",
    "unit": "give the id of the user that the gateway assigns by",
    "at": "give seconds since 1970 as a number, or leave it out",
    "properties": "give numbers, texts and booleans by name, without nesting",
    "rollout": "give the name of the rollout",
    "version": "give the version that the user was shown",
}


class Event(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    unit: str
    id: str = ""
    at: float | None = None
    properties: dict[str, bool | float | str] = {}
    rollout: str = ""
    version: str = ""


def routes(events: EventStore, clock: Clock) -> list[BaseRoute]:
    async def take(request: Request) -> Response:
        taken = read(await body_of(request, BODY), clock())
        await asyncio.to_thread(events.track, taken)
        return reply({"taken": len(taken)}, 202)

    return [Route("/v1/events", take, methods=["POST"])]


def read(body: bytes, now: float) -> tuple[Tracked, ...]:
    """The events of a body: one, or `{"events": [...]}`. Raises BadInput with a problem for each that is wrong."""
    try:
        given = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as e:
        raise BadInput(Problem(f"the body is no JSON: {e}", 'send {"events": [...]}')) from None
    batch = given.get("events") if isinstance(given, dict) and set(given) == {"events"} else [given]
    if not isinstance(batch, list):
        raise BadInput(Problem("events is no list", 'send {"events": [...]}', "events"))
    if len(batch) > EVENTS:
        raise BadInput(Problem(f"these are {len(batch):,} events", f"send at most {EVENTS:,} at a time", "events"))
    taken, problems = [], []
    for index, one in enumerate(batch):
        event = _event(one, f"events[{index}]", now)
        if isinstance(event, Problem):
            problems.append(event)
        else:
            taken.append(event)
    if problems:
        raise BadInput(*problems)
    return tuple(taken)


def _event(given: Any, path: str, now: float) -> Tracked | Problem:
    try:
        event = msgspec.convert(given, Event)
    except msgspec.ValidationError as e:
        message, _, where = str(e).partition(" - at `$")
        found = re.search(r"field `(\w+)`", message) if "field" in message else re.match(r"\.(\w+)", where)
        field = found[1] if found else ""
        fix = _FIX.get(field, f"an event has {', '.join(_FIX)}")
        return Problem(message[:1].lower() + message[1:], fix, f"{path}.{field}" if field else path)
    at = now if event.at is None else event.at
    if at > now + AHEAD:
        ahead = f"its time lies {at - now:,.0f} s ahead of the server's"
        return Problem(ahead, "set the sender's clock; give seconds, not milliseconds", f"{path}.at")
    tracked = Tracked(
        event.id or uuid4().hex,
        event.name,
        event.unit,
        at,
        tuple(event.properties.items()),
        event.rollout,
        event.version,
        now,
    )
    wrong = row_of(tracked)
    return Problem(wrong.message, wrong.fix, path) if isinstance(wrong, Problem) else tracked
