"""The control plane's three gateway endpoints in memory, on a real port: what the agent talks to in these tests."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from fader.model.report import GatewayReport
from fader.model.ruleset import Ruleset

TOKEN = "gateway-token-for-tests"


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class ControlPlane:
    """What it holds outlives its being up: `up` and `down` are a server that is restarted."""

    def __init__(self) -> None:
        self.port = free_port()
        self.token = TOKEN
        self.ruleset: Ruleset | None = None
        self.reports: list[GatewayReport] = []
        self.segments: dict[str, bytearray] = {}
        self.rulesets_sent = 0
        self.forget_answers = 0
        self.released_at = 0.0
        self._changed = asyncio.Event()
        self._server: uvicorn.Server | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def publish(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.released_at = time.time()
        self._changed.set()
        self._changed = asyncio.Event()

    @property
    def lines(self) -> list[dict[str, object]]:
        """Every line held, in the order of the segments' names."""
        raw = b"".join(bytes(self.segments[name]) for name in sorted(self.segments))
        return [json.loads(line) for line in raw.split(b"\n") if line]

    async def up(self) -> None:
        app = Starlette(
            routes=[
                Route("/v1/gateway/ruleset", self._get_ruleset),
                Route("/v1/gateway/lines", self._post_lines, methods=["POST"]),
                Route("/v1/gateway/report", self._post_report, methods=["POST"]),
            ]
        )
        config = uvicorn.Config(
            app, host="127.0.0.1", port=self.port, log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._task = asyncio.create_task(self._server._serve())
        while not self._server.started:
            await asyncio.sleep(0.01)

    async def down(self) -> None:
        if self._server and self._task:
            self._server.should_exit = self._server.force_exit = True
            self._changed.set()
            self._changed = asyncio.Event()
            with suppress(asyncio.CancelledError):
                await self._task
            await asyncio.sleep(0.02)  # what was cut off is closed before its loop is
            self._server = self._task = None

    def _allowed(self, request: Request) -> bool:
        return request.headers.get("authorization") == f"Bearer {self.token}"

    async def _get_ruleset(self, request: Request) -> Response:
        if not self._allowed(request):
            return Response(status_code=401)
        have, wait = int(request.query_params["have"]), float(request.query_params["wait"])
        changed = self._changed
        if self.ruleset is None or self.ruleset.version == have:
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), wait)
        if self.ruleset is None or self.ruleset.version == have:
            return Response(status_code=304)
        self.rulesets_sent += 1
        return Response(msgspec.json.encode(self.ruleset), media_type="application/json")

    async def _post_lines(self, request: Request) -> Response:
        """The rule of the event store: bytes below what is held are dropped, a gap takes nothing."""
        if not self._allowed(request):
            return Response(status_code=401)
        offset, body = int(request.query_params["offset"]), await request.body()
        assert body.endswith(b"\n")
        held = self.segments.setdefault(request.query_params["segment"], bytearray())
        if offset <= len(held):
            held += body[len(held) - offset :]
        if self.forget_answers:
            self.forget_answers -= 1
            return Response(status_code=503)
        return JSONResponse({"held": len(held)})

    async def _post_report(self, request: Request) -> Response:
        if not self._allowed(request):
            return Response(status_code=401)
        self.reports.append(msgspec.json.decode(await request.body(), type=GatewayReport))
        return Response(status_code=204)


@asynccontextmanager
async def control_plane() -> AsyncIterator[ControlPlane]:
    plane = ControlPlane()
    await plane.up()
    try:
        yield plane
    finally:
        await plane.down()
