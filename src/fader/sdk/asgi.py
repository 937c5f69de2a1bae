"""Middleware for ASGI: Starlette, FastAPI, Litestar, Quart, and whatever speaks it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fader.sdk.asking import asking_as
from fader.sdk.incoming import HEADER, AttributesOf, Incoming, UnitOf, cookie_of, text_of
from fader.sdk.tracker import Tracker

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class AsgiMiddleware:
    """`app = AsgiMiddleware(app)`, or `app.add_middleware(AsgiMiddleware)`: for HTTP and WebSockets.

    The unit is what the gateway says, else what stands in the cookie called `cookie`. `unit(scope)` takes the place of
    both, and `attributes(scope)` adds attributes; both are called when a flag is first asked for. `tracker` is told
    exceptions that nobody caught, and answers of 5xx.
    """

    def __init__(
        self,
        app: App,
        *,
        unit: UnitOf[Scope] | None = None,
        attributes: AttributesOf[Scope] | None = None,
        cookie: str = "",
        tracker: Tracker | None = None,
    ) -> None:
        self._app = app
        self._incoming = Incoming(unit or (lambda scope: _unit(scope, cookie)), attributes, tracker)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            return await self._app(scope, receive, send)
        asker, status, raised = self._incoming.asker(scope), 0, None

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with asking_as(asker):
            try:
                await self._app(scope, receive, send if self._incoming.tracker is None else noting)
            except Exception as error:
                raised = error
                raise
            finally:
                route = f"{scope.get('method', 'GET')} {scope.get('path', '')}"
                self._incoming.failed(asker, route, raised, status)


def _unit(scope: Scope, cookie: str) -> str:
    unit = text_of(_header(scope, HEADER.encode()))
    return unit or (cookie_of(_header(scope, b"cookie"), cookie) if cookie else "")


def _header(scope: Scope, name: bytes) -> bytes:
    """HTTP/2 may hand on each cookie in a line of its own."""
    return b"; ".join(value for key, value in scope["headers"] if key.lower() == name)
