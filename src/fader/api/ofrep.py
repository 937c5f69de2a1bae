"""/ofrep/v1: the OpenFeature Remote Evaluation Protocol, version 0.3, for every OpenFeature SDK in every language."""

from __future__ import annotations

from typing import Any

import msgspec
import structlog
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import BaseRoute, Route
from xxhash import xxh3_128_hexdigest

from fader.api.auth import EVENTS, Tokens
from fader.api.notices import Notices
from fader.api.wire import STREAM, body_of, reply
from fader.assign.cel import CelError
from fader.engine.flag_desk import FlagDesk
from fader.errors import BadInput
from fader.model.evaluation import Evaluation

#: Bytes of a context at most.
LARGEST = 1_000_000
UNIT = "targetingKey"
ALL = "/ofrep/v1/evaluate/flags"
ONE = ALL + "/"

log = structlog.get_logger("fader.ofrep")


class Key(PathConvertor):
    """Whatever a client calls a flag, so that an unknown one is told so in OFREP's words: also across lines."""

    regex = r"[\s\S]*"


register_url_convertor("key", Key())


class Unusable(Exception):
    """The context of a request; `code` is OpenFeature's word for it."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


def routes(desk: FlagDesk, notices: Notices, tokens: Tokens) -> list[BaseRoute]:
    # Without origin: clients take that of the address which they use already.
    streams = {
        client: [{"type": "sse", "endpoint": {"requestUri": f"{EVENTS}?token={tokens.events_of(client=client)}"}}]
        for client in (True, False)
    }

    async def single(request: Request) -> Response:
        key = request.path_params["key"]
        try:
            unit, attributes = await _context(request)
        except Unusable as error:
            return reply({"key": key, "errorCode": error.code, "errorDetails": str(error)}, 400)
        if key not in _visible(desk, request):
            return reply({"key": key, "errorCode": "FLAG_NOT_FOUND", "errorDetails": f"there is no flag {key!r}"}, 404)
        answer = _evaluated(desk, key, unit, attributes, used=True)
        if "errorCode" in answer:
            return reply({"errorDetails": answer["errorDetails"]}, 500)
        return reply(answer)

    async def bulk(request: Request) -> Response:
        try:
            unit, attributes = await _context(request)
        except Unusable as error:
            return reply({"errorCode": error.code, "errorDetails": str(error)}, 400)
        answers = [_evaluated(desk, key, unit, attributes) for key in _visible(desk, request)]
        body = msgspec.json.encode({"flags": answers, "eventStreams": streams[request.state.client]})
        # A tag of the answers and not of the rules: a change of rules that changes nothing for this context is none.
        tag = f'"{xxh3_128_hexdigest(body)}"'
        if tag in _known(request):
            return Response(status_code=304, headers={"etag": tag})
        return Response(body, media_type="application/json", headers={"etag": tag})

    async def events(request: Request) -> Response:
        told = notices.follow(request.headers.get("last-event-id", ""), request.state.client)
        return StreamingResponse(told, media_type="text/event-stream", headers=STREAM)

    return [
        Route(EVENTS, events),
        Route(ALL, bulk, methods=["POST"]),
        Route(ONE + "{key:key}", single, methods=["POST"]),
    ]


async def _context(request: Request) -> tuple[str, dict[str, Any]]:
    """Unit and attributes. Raises Unusable."""
    try:
        body = msgspec.json.decode(await body_of(request, LARGEST))
    except (msgspec.DecodeError, UnicodeDecodeError, BadInput) as error:
        raise Unusable("PARSE_ERROR", f"the body cannot be read: {error}") from None
    context = body.get("context") if isinstance(body, dict) else None
    if not isinstance(context, dict):
        raise Unusable("INVALID_CONTEXT", 'send {"context": {"targetingKey": "..."}}')
    if UNIT not in context:
        raise Unusable("TARGETING_KEY_MISSING", f"the context has no {UNIT}")
    unit = context.pop(UNIT)
    if not isinstance(unit, str):
        raise Unusable("INVALID_CONTEXT", f"{UNIT} is no text")
    return unit, context


def _visible(desk: FlagDesk, request: Request) -> list[str] | dict[str, Any]:
    """The flags that may be seen: with a client key those marked for clients."""
    flags = desk.flags.flags
    return [name for name, flag in flags.items() if flag.client] if request.state.client else flags


def _evaluated(
    desk: FlagDesk, key: str, unit: str, attributes: dict[str, Any], *, used: bool = False
) -> dict[str, Any]:
    """`used`: who asks for one flag uses its value; who asks for all may use some, and tells which himself."""
    try:
        found = desk.evaluate(key, unit, attributes)
        if used:
            desk.given(found, unit)
        return words(found)
    except (CelError, KeyError, RecursionError, UnicodeEncodeError) as error:
        log.error("a flag cannot be evaluated", flag=key, why=str(error))
        return {"key": key, "errorCode": "GENERAL", "errorDetails": "the flag cannot be evaluated"}


def words(found: Evaluation) -> dict[str, Any]:
    """An answer in the words of OFREP, which has none for DEFAULT; UNKNOWN is the one that claims nothing."""
    reason = "UNKNOWN" if found.reason == "DEFAULT" else found.reason
    answer = {"key": found.flag, "value": found.value, "reason": reason, "variant": found.variant}
    return answer | {"metadata": found.metadata} if found.metadata else answer


def _known(request: Request) -> set[str]:
    """The tags that the client holds."""
    return {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
