"""The dashboard behind a real server on a free port of loopback, with the headers that it is served with."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dashboard_twin.control import ScriptedControl
from fader.dashboard.pages import routes

TOKEN = "the-token"
CSP = (
    "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)


class Headers:
    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def sent(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = CSP
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        await self.app(scope, receive, sent if scope["type"] == "http" else send)


async def sign_in(request: Request) -> Response:
    if (await request.json()).get("token") != TOKEN:
        return JSONResponse({"detail": "wrong token"}, 401)
    response = Response(status_code=204)
    response.set_cookie("fader_session", "x", httponly=True, samesite="strict")
    return response


def application(control: ScriptedControl) -> ASGIApp:
    return Headers(
        Starlette(
            routes=[
                Route("/login", sign_in, methods=["POST"]),
                *routes(control, control.flags, control.applier, control.installation, control.notifier),
            ]
        )
    )


class Served:
    """A server that can be stopped and started again on the same port."""

    def __init__(self, control: ScriptedControl) -> None:
        self.control = control
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        config = uvicorn.Config(
            application(self.control),
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            timeout_graceful_shutdown=0,
            lifespan="off",
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        until = time.monotonic() + 20
        while not self._server.started:
            if time.monotonic() > until:
                raise RuntimeError("the server did not start")
            time.sleep(0.01)

    def stop(self) -> None:
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join(20)


@contextmanager
def serving(control: ScriptedControl) -> Iterator[Served]:
    served = Served(control)
    served.start()
    try:
        yield served
    finally:
        served.stop()
