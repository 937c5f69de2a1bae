"""The routes of the dashboard. Sessions, Host and Origin checks and security headers are put around them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import get_args
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Route

from fader.clock import Clock, system_clock
from fader.dashboard import assets
from fader.dashboard import flags as flag_list
from fader.dashboard.audit import Audit
from fader.dashboard.chart import safe_json
from fader.dashboard.commands import Commands
from fader.dashboard.configuration import Configuration
from fader.dashboard.experiments import Experiments
from fader.dashboard.flag import FlagPages
from fader.dashboard.flags import FlagList
from fader.dashboard.holdouts import Holdouts
from fader.dashboard.live import Live, Snapshot
from fader.dashboard.login import Login
from fader.dashboard.metric import Metrics
from fader.dashboard.overview import Overview, asked
from fader.dashboard.rollout import Rollout
from fader.dashboard.service import Services
from fader.dashboard.settings import Settings
from fader.dashboard.templating import Templates, flag_address, holdout_address, metric_address
from fader.dashboard.unfurl import Unfurl, guest
from fader.dashboard.unit import Unit
from fader.engine.apply import Applier
from fader.engine.flag_desk import FlagDesk
from fader.engine.notifier import Notifier
from fader.errors import BadInput, Conflict, FaderError, NotFound, Refused, Unavailable
from fader.model.decision import CommandName
from fader.model.front import LOOPBACK, Front
from fader.model.installation import Installation
from fader.ports.control import Control

Endpoint = Callable[[Request], Awaitable[Response]]

STATUS: tuple[tuple[type[FaderError], int, str], ...] = (
    (NotFound, 404, "Not here"),
    (Refused, 409, "Not now"),
    (Conflict, 409, "Somebody was faster"),
    (BadInput, 422, "Not like this"),
    (Unavailable, 503, "No answer"),
)


def with_query(path: str, request: Request) -> str:
    return f"{path}?{request.url.query}" if request.url.query else path


class Pages:
    def __init__(
        self,
        control: Control,
        flags: FlagDesk,
        applier: Applier,
        installation: Callable[[], Installation],
        notifier: Notifier,
        clock: Clock,
        front: Front = LOOPBACK,
    ) -> None:
        self._control = control
        self._templates = Templates(installation().environment)
        self._overview = Overview(control, self._templates, clock)
        self._rollout = Rollout(control, self._templates, clock)
        self._audit = Audit(control, self._templates, clock)
        self._services = Services(control, self._templates, clock)
        self._flag_list = FlagList(flags, self._templates, clock)
        self._flags = FlagPages(flags, control, self._templates, clock)
        self._metrics = Metrics(control, self._templates, clock)
        self._holdouts = Holdouts(control, self._templates, clock)
        self._experiments = Experiments(control, self._templates, clock)
        self._settings = Settings(control, installation, notifier, self._templates, clock)
        self._configuration = Configuration(applier, self._templates)
        self._unit = Unit(control, self._templates)
        self._login = Login(self._templates)
        self._unfurl = Unfurl(control, self._login, front)
        self._commands = Commands(control, self._templates)
        self._live = Live(self.snapshot, control.changes, control.moves)

    def routes(self) -> list[BaseRoute]:
        """Every route under /; `/static` and `/login` must be reachable without a session."""
        return [
            Route("/", self._guarded(self._overview_page), name="overview"),
            Route("/live", self._guarded(self._overview_live)),
            Route("/services", self._guarded(self._services_page), name="services"),
            Route("/live/services", self._guarded(self._services_live)),
            Route("/services/{name}", self._guarded(self._service_page), name="service"),
            Route("/services/{name}/live", self._guarded(self._service_live)),
            Route("/flags", self._guarded(self._flags_page), name="flags"),
            Route("/live/flags", self._guarded(self._flags_live)),
            Route("/flags/{name}", self._guarded(self._flags.page), name="flag"),
            Route("/flags/{name}/live", self._guarded(self._flag_live)),
            Route("/flags/{name}/{position:str}", self._guarded(self._flag_switch), methods=["POST"]),
            Route("/metrics-defined", self._guarded(self._metrics_page), name="metrics"),
            Route("/live/metrics", self._guarded(self._metrics_live)),
            Route("/metrics-defined/{name}", self._guarded(self._metric_page), name="metric"),
            Route("/metrics-defined/{name}/live", self._guarded(self._metric_live)),
            Route("/experiments", self._guarded(self._experiments_page), name="experiments"),
            Route("/live/experiments", self._guarded(self._experiments_live)),
            Route("/holdouts/{name}", self._guarded(self._holdout_page), name="holdout"),
            Route("/holdouts/{name}/live", self._guarded(self._holdout_live)),
            Route("/settings", self._guarded(self._settings_page), name="settings"),
            Route("/live/settings", self._guarded(self._settings_live)),
            Route("/settings/channels/{name}/test", self._guarded(self._settings.test), methods=["POST"]),
            Route("/configuration", self._guarded(self._configuration.page), name="configuration"),
            Route("/configuration/plan", self._guarded(self._configuration.plan), methods=["POST"]),
            Route("/configuration/apply", self._guarded(self._configuration.apply), methods=["POST"]),
            Route("/units", self._guarded(self._unit.page), name="units"),
            Route("/units", self._guarded(self._unit.answer), methods=["POST"]),
            Route("/audit", self._guarded(self._audit.page), name="audit"),
            Route("/audit/live", self._guarded(self._audit_live)),
            Route("/audit.csv", self._guarded(self._audit.csv)),
            Route("/audit.json", self._guarded(self._audit.json)),
            Route("/login", self._login.page, name="login"),
            Route("/rollouts/{name}", self._guarded(self._rollout_page), name="rollout"),
            Route("/rollouts/{name}/live", self._guarded(self._rollout_live)),
            Route("/rollouts/{name}/card.png", self._guarded(self._unfurl.card)),
            Route("/rollouts/{name}/preview", self._guarded(self._commands.preview), methods=["POST"]),
            *(
                Route(f"/rollouts/{{name}}/{command}", self._guarded(self._command(command)), methods=["POST"])
                for command in get_args(CommandName)
            ),
            assets.mount(),
        ]

    async def snapshot(self, key: str, since: float) -> Snapshot:
        """The page of a key as `Live` has them. Raises NotFound, BadInput, Unavailable."""
        if not key.startswith("/"):
            return await self._rollout.snapshot(key, since)
        path, _, text = key.partition("?")
        query = dict(parse_qsl(text))
        match path:
            case "/":
                return await self._overview.snapshot(query)
            case "/audit":
                return await self._audit.snapshot(query)
            case "/services":
                return await self._services.list()
            case "/flags":
                return self._flag_list.snapshot(query)
            case "/metrics-defined":
                return await self._metrics.list()
            case "/experiments":
                return await self._experiments.snapshot()
            case "/settings":
                return await self._settings.snapshot()
        if path.startswith("/metrics-defined/"):
            return await self._metrics.snapshot(unquote(path.removeprefix("/metrics-defined/")))
        if path.startswith("/holdouts/"):
            return await self._holdouts.snapshot(unquote(path.removeprefix("/holdouts/")))
        if path.startswith("/flags/"):
            return await self._flags.snapshot(unquote(path.removeprefix("/flags/")))
        return await self._services.snapshot(unquote(path.removeprefix("/services/")))

    async def _overview_page(self, request: Request) -> Response:
        page = await self._overview.snapshot(request.query_params)
        return self._templates.page(
            "overview.html", page=page, live=with_query("/live", request), asked=asked(request.query_params)
        )

    async def _services_page(self, request: Request) -> Response:
        return self._templates.page("services.html", page=await self._services.list())

    async def _service_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        return self._templates.page("service.html", page=await self._services.snapshot(name), name=name)

    async def _metrics_page(self, request: Request) -> Response:
        return self._templates.page("metrics.html", page=await self._metrics.list())

    async def _metric_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        return self._templates.page("metric.html", page=await self._metrics.snapshot(name), name=name)

    async def _experiments_page(self, request: Request) -> Response:
        return self._templates.page("experiments.html", page=await self._experiments.snapshot())

    async def _holdout_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        return self._templates.page("holdout.html", page=await self._holdouts.snapshot(name), name=name)

    async def _settings_page(self, request: Request) -> Response:
        return self._templates.page("settings.html", page=await self._settings.snapshot())

    async def _flags_page(self, request: Request) -> Response:
        query = request.query_params
        live, wanted = with_query("/live/flags", request), flag_list.asked(query)
        return self._templates.page("flags.html", page=self._flag_list.snapshot(query), live=live, asked=wanted)

    async def _flag_switch(self, request: Request) -> Response:
        position = request.path_params["position"]
        if position not in ("on", "off"):
            raise NotFound(f"There is no command {position!r}; there are: on, off.")
        return await self._flags.switch(request, enabled=position == "on")

    async def _rollout_page(self, request: Request) -> Response:
        if guest(request):
            return await self._unfurl.page(request)
        name = request.path_params["name"]
        view = await self._control.rollout(name)
        page = await self._rollout.snapshot(name)
        tags = self._unfurl.tags(view)
        return self._templates.page("rollout.html", page=page, view=view, chart=safe_json(page.chart), tags=tags)

    async def _overview_live(self, request: Request) -> Response:
        return await self._stream(with_query("/", request))

    async def _audit_live(self, request: Request) -> Response:
        return await self._stream(with_query("/audit", request))

    async def _services_live(self, request: Request) -> Response:
        return await self._stream("/services")

    async def _service_live(self, request: Request) -> Response:
        return await self._stream(f"/services/{quote(request.path_params['name'], safe='')}")

    async def _metrics_live(self, request: Request) -> Response:
        return await self._stream("/metrics-defined")

    async def _metric_live(self, request: Request) -> Response:
        return await self._stream(metric_address(request.path_params["name"]))

    async def _experiments_live(self, request: Request) -> Response:
        return await self._stream("/experiments")

    async def _holdout_live(self, request: Request) -> Response:
        return await self._stream(holdout_address(request.path_params["name"]))

    async def _settings_live(self, request: Request) -> Response:
        return await self._stream("/settings")

    async def _flags_live(self, request: Request) -> Response:
        return await self._stream(with_query("/flags", request))

    async def _flag_live(self, request: Request) -> Response:
        return await self._stream(flag_address(request.path_params["name"]))

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


def routes(
    control: Control,
    flags: FlagDesk,
    applier: Applier,
    installation: Callable[[], Installation],
    notifier: Notifier,
    clock: Clock = system_clock,
    front: Front = LOOPBACK,
) -> list[BaseRoute]:
    """The dashboard of `control` and `flags`, to be mounted at /. Cookies, Host, Origin and CSP are the caller's, and
    so is who may see what: whom it lets in as a `guest` of `request.state` is shown the cards alone."""
    return Pages(control, flags, applier, installation, notifier, clock, front).routes()
