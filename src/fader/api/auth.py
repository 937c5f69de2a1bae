"""Who may do what: the operator's token and a session made from it, the gateways' token, and what apps hold.

The token of events tells what users did, and opens nothing else.
The server key is for apps on servers: it reads flags and segments whole, evaluates all, and tells what users were given
and did. The client key is for code in the hands of users and no secret: it evaluates flags that are marked for clients,
from pages of any origin.

Any page in a browser may send requests to loopback, so beside the token the Host is checked (against DNS
rebinding) and, for everything that changes something, the Origin (against forged forms).
"""

from __future__ import annotations

import hashlib
import hmac
import json
import math
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fader.api.allowance import Allowance
from fader.api.problems import problem
from fader.api.wire import body_of
from fader.model.front import inside

COOKIE = "fader_session"
OFREP = "/ofrep/"
#: OFREP's events: pages cannot send a header with that request.
EVENTS = "/ofrep/v1/events"
#: For pages of any origin; what they may ask is up to the key that they send, never to a cookie.
CROSS_ORIGIN = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"authorization, cache-control, content-type, if-none-match, last-event-id, x-api-key",
    ),
    (b"access-control-expose-headers", b"etag, retry-after"),
    (b"access-control-max-age", b"600"),
)
OPEN = ("/v1/health", "/login", "/static/", "/favicon.ico", "/favicon.svg")
#: A rollout's page and its picture: what those who are not signed in may be shown of it is up to the dashboard.
CARD = re.compile(r"/rollouts/[^/]+(/card\.png)?")
SECURITY_HEADERS = (
    (b"content-security-policy", b"default-src 'self'; img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@dataclass(frozen=True, slots=True)
class Tokens:
    operator: str
    gateway: str
    events: str
    server_key: str = ""
    client_key: str = ""

    def session(self) -> str:
        """The cookie's value: made from the token, so that the token itself is in no cookie and no log, and a
        restart logs nobody out."""
        return hmac.new(self.operator.encode(), b"fader dashboard session", hashlib.sha256).hexdigest()

    def events_of(self, *, client: bool) -> str:
        """What opens OFREP's events in the place of a key, and nothing else: it stands in addresses. "" for a key that
        was never made."""
        key = self.client_key if client else self.server_key
        return hmac.new(key.encode(), b"fader events of flags", hashlib.sha256).hexdigest() if key else ""


class Guard:
    """ASGI middleware in front of everything."""

    def __init__(self, app: ASGIApp, tokens: Tokens, hosts: frozenset[str], guests: Allowance | None = None) -> None:
        """`guests`: how often those who are not signed in may look at a rollout's card; None for never."""
        self._app, self._tokens, self._hosts, self._guests = app, tokens, hosts, guests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        request = Request(scope)
        refusal = self._refusal(request)
        if refusal is not None:
            return await refusal(scope, receive, send)
        state = scope.setdefault("state", {})
        state["actor"] = _actor(request)
        state["client"] = _equal(key_of(request), self._tokens.client_key) or self._hears(request, client=True)
        extra = (*SECURITY_HEADERS, *(CROSS_ORIGIN if request.url.path.startswith(OFREP) else ()))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(h for h in extra if h[0] not in said)]
            await send(message)

        return await self._app(scope, receive, with_headers)

    def _refusal(self, request: Request) -> Response | None:
        if hostname(request.headers.get("host", "")) not in self._hosts:
            return problem(403, "Foreign host", "this server answers only to its own address (see --host)")
        path = request.url.path
        if path.startswith(OFREP):
            return self._refusal_of_evaluation(request)
        if path.startswith(OPEN) and request.method in ("GET", "HEAD"):
            return None
        if request.method not in ("GET", "HEAD") and not self._same_origin(request):
            return problem(403, "Foreign origin", "a page of another origin may not do this")
        if path == "/login":
            return None
        token = _bearer(request)
        if path.startswith("/v1/gateway/"):
            good = _equal(token, self._tokens.gateway)
        elif path == "/v1/events":
            good = _equal(token, self._tokens.events) or self._has_server_key(token)
        elif path.startswith("/v1/sdk/"):
            good = self._has_server_key(token)
        else:
            good = _equal(token, self._tokens.operator) or self._has_session(request)
        if good:
            return None
        if self._guests is not None and request.method in ("GET", "HEAD") and CARD.fullmatch(path):
            request.state.guest = True
            return _too_often(wait) if (wait := self._guests.wait()) else None
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            asked = f"{path}?{request.url.query}" if request.url.query else path
            return RedirectResponse(f"/login?{urlencode({'next': asked})}" if asked != "/" else "/login", 303)
        return problem(401, "No entry", "give the token of this server: Authorization: Bearer TOKEN")

    def _refusal_of_evaluation(self, request: Request) -> Response | None:
        if request.method == "OPTIONS":
            return Response(status_code=204, headers={k.decode(): v.decode() for k, v in CROSS_ORIGIN})
        key = key_of(request)
        if self._has_server_key(key) or _equal(key, self._tokens.client_key):
            return None
        if self._hears(request, client=True) or self._hears(request, client=False):
            return None
        refusal = problem(401, "No entry", "give a key of this server: Authorization: Bearer KEY, or X-API-Key: KEY")
        refusal.headers["access-control-allow-origin"] = "*"
        return refusal

    def _has_server_key(self, key: str) -> bool:
        return _equal(key, self._tokens.server_key) or _equal(key, self._tokens.operator)

    def _hears(self, request: Request, *, client: bool) -> bool:
        if request.url.path != EVENTS or request.method != "GET":
            return False
        return _equal(request.query_params.get("token", ""), self._tokens.events_of(client=client))

    def _has_session(self, request: Request) -> bool:
        return _equal(request.cookies.get(COOKIE, ""), self._tokens.session())

    def _same_origin(self, request: Request) -> bool:
        """A browser always sends Origin with a writing request; a program sends none and has no ambient cookie."""
        origin = request.headers.get("origin")
        if origin is None:
            return COOKIE not in request.cookies or request.headers.get("sec-fetch-site") == "same-origin"
        return urlsplit(origin).netloc == request.headers.get("host", "")


def routes(tokens: Tokens) -> list[BaseRoute]:
    async def login(request: Request) -> Response:
        body = await body_of(request, 4096)
        try:
            if request.headers.get("content-type", "").startswith("application/json"):
                token, form = str(json.loads(body or b"{}").get("token", "")), None
            else:
                form = await _form(body)
                token = form.get("token", "")
        except (ValueError, AttributeError):
            return problem(422, "Bad input", 'send {"token": "..."}')
        if not _equal(token.strip(), tokens.operator):
            if form is not None:
                onward = inside(form.get("next", ""))
                again = {"wrong": "1"} if onward == "/" else {"wrong": "1", "next": onward}
                return RedirectResponse(f"/login?{urlencode(again)}", 303)
            return problem(401, "Wrong token", "that is not the token of this server; `fader up` prints the link")
        response: Response = Response(status_code=204)
        if form is not None:
            response = RedirectResponse(inside(form.get("next", "")), 303)
        # Lax, so that a link in a notice opens signed in; whatever changes something asks for the Origin as well.
        response.set_cookie(COOKIE, tokens.session(), max_age=30 * 86_400, httponly=True, samesite="lax", path="/")
        return response

    async def logout(_request: Request) -> Response:
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/")
        return response

    return [Route("/login", login, methods=["POST"]), Route("/logout", logout, methods=["POST"])]


async def _form(body: bytes) -> dict[str, str]:
    from urllib.parse import parse_qsl

    return dict(parse_qsl(body.decode()))


def _too_often(wait: float) -> Response:
    refusal = problem(429, "Too often", "cards are asked for too often")
    refusal.headers["retry-after"] = str(math.ceil(wait))
    return refusal


def _actor(request: Request) -> str:
    """Who is said to ask, for the history: whoever has the token is believed."""
    named = "".join(c for c in request.headers.get("x-fader-actor", "") if c.isprintable())[:64]
    return named or ("dashboard" if COOKIE in request.cookies else "api")


def _bearer(request: HTTPConnection) -> str:
    kind, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""


def key_of(request: HTTPConnection) -> str:
    """The token or key that comes with a request."""
    return _bearer(request) or request.headers.get("x-api-key", "").strip()


def _equal(given: str, right: str) -> bool:
    return bool(given and right) and hmac.compare_digest(given.encode(), right.encode())


def hostname(host: str) -> str:
    """Of a Host header, without its port."""
    return (urlsplit(f"//{host}").hostname or "").lower()
