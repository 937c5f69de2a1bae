"""The routes of the dashboard. Sessions, Host and Origin checks and security headers are put around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import get_args

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fader.clock import Clock, system_clock
from fader.dashboard import assets
from fader.dashboard.chart import safe_json
from fader.dashboard.commands import Commands
from fader.dashboard.live import Live, Snapshot
from fader.dashboard.login import Login
from fader.dashboard.overview import Overview
from fader.dashboard.rollout import Rollout
from fader.dashboard.templating import Templates
from fader.errors import BadInput, Conflict, FaderError, NotFound, Refused, Unavailable
from fader.model.decision import CommandName
from fader.ports.control import Control

Endpoint = Callable[[Request], Awaitable[Response]]

STATUS: tuple[tuple[type[FaderError], int, str], ...] = (
    (NotFound, 404, "Not here"),
    (Refused, 409, "Not now"),
    (Conflict, 409, "Somebody was faster"),
    (BadInput, 422, "Not like this"),
    (Unavailable, 503, "No answer"),
)


class Pages:
    def __init__(self, control: Control, clock: Clock) -> None:
        self._control = control
        self._templates = Templates()
        self._overview = Overview(control, self._templates, clock)
        self._rollout = Rollout(control, self._templates, clock)
        self._login = Login(self._templates)
        self._commands = Commands(control, self._templates)
        self._live = Live(self._snapshot, control.changes)

    def routes(self) -> list[BaseRoute]:
        """Every route under /; `/static` and `/login` must be reachable without a session."""
        return [
            Route("/", self._guarded(self._overview_page), name="overview"),
            Route("/live", self._guarded(self._overview_live)),
            Route("/login", self._login.page, name="login"),
            Route("/rollouts/{name}", self._guarded(self._rollout_page), name="rollout"),
            Route("/rollouts/{name}/live", self._guarded(self._rollout_live)),
            Route("/rollouts/{name}/preview", self._guarded(self._commands.preview), methods=["POST"]),
            *(
                Route(f"/rollouts/{{name}}/{command}", self._guarded(self._command(command)), methods=["POST"])
                for command in get_args(CommandName)
            ),
            assets.mount(),
        ]

    async def _snapshot(self, key: str, since: float) -> Snapshot:
        return await (self._rollout.snapshot(key, since) if key else self._overview.snapshot())

    async def _overview_page(self, request: Request) -> Response:
        return self._templates.page("overview.html", page=await self._overview.snapshot())

    async def _rollout_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        view = await self._control.rollout(name)
        page = await self._rollout.snapshot(name)
        return self._templates.page("rollout.html", page=page, view=view, chart=safe_json(page.chart))

    async def _overview_live(self, request: Request) -> Response:
        return await self._stream("")

    async def _rollout_live(self, request: Request) -> Response:
        return await self._stream(request.path_params["name"])

    async def _stream(self, key: str) -> Response:
        stream = self._live.stream(key)
        first = await anext(stream)  # an error is a status, not a broken stream

        async def events() -> AsyncIterator[bytes]:
            async with aclosing(stream):
                yield first
                async for each in stream:
                    yield each

        return StreamingResponse(
            events(), media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )

    def _command(self, command: CommandName) -> Endpoint:
        async def endpoint(request: Request) -> Response:
            return await self._commands.post(request, command)

        return endpoint

    def _guarded(self, endpoint: Endpoint) -> Endpoint:
        """The same, with every error that fader raises on purpose as a page, or as problem+json for the script."""

        async def guarded(request: Request) -> Response:
            try:
                return await endpoint(request)
            except FaderError as error:
                status, short = next(((s, t) for kind, s, t in STATUS if isinstance(error, kind)), (500, "Failed"))
                detail = str(error)
                if "application/json" in request.headers.get("accept", ""):
                    return JSONResponse(
                        {"type": "about:blank", "title": short, "status": status, "detail": detail},
                        status,
                        media_type="application/problem+json",
                    )
                return self._templates.page("error.html", status=status, code=status, short=short, detail=detail)

        return guarded


def routes(control: Control, clock: Clock = system_clock) -> list[BaseRoute]:
    """The dashboard of `control`, to be mounted at /. Cookies, Host, Origin and CSP are the caller's."""
    return Pages(control, clock).routes()
