"""The control plane as one process: state, evidence, controller, API and dashboard."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from fader.api import (
    audit,
    auth,
    changes,
    codebases,
    documents,
    flags,
    gateway,
    health,
    holdouts,
    notifications,
    ofrep,
    problems,
    rollouts,
    sdk,
    services,
    units,
)
from fader.api import events as tracking
from fader.api.allowance import NO_LIMITS, Allowance, Limits
from fader.api.express import Express
from fader.api.feed import Feed
from fader.api.notices import Notices
from fader.app.data import DataDirectory
from fader.app.front import host_of
from fader.app.installation import in_memory, installed
from fader.app.listening import allow_connections, listen
from fader.app.logs import set_up
from fader.clock import Clock, system_clock
from fader.dashboard import pages, templating
from fader.engine.apply import Applier, answers
from fader.engine.changes import Changes
from fader.engine.codebase_desk import CodebaseDesk
from fader.engine.controller import Controller
from fader.engine.desk import Desk, Probe
from fader.engine.exposing import Exposing
from fader.engine.flag_desk import FlagDesk
from fader.engine.fleet import Fleet
from fader.engine.meters import Meters
from fader.engine.notifier import Notifier
from fader.engine.publish import Publisher
from fader.engine.retention import Retention
from fader.engine.tally import Tally
from fader.errors import FaderError
from fader.gateway.supervisor_watch import parent_gone
from fader.model.front import LOOPBACK, Front
from fader.model.installation import Installation
from fader.notify.http import HttpMessenger
from fader.ports.events import EventStore
from fader.ports.providers import Providers
from fader.ports.states import StateStore
from fader.providers.http import HttpProviders
from fader.storage.database import open_sqlite
from fader.storage.sql import SqlStateStore
from fader.telemetry.duckdb_store import DuckDBEventStore

#: Pictures per second that are shown to those who are not signed in, all of them together.
CARDS = 10.0
#: A request that is still under way when the server stops (a long poll, a live page) gets this long. Seconds.
LAST_WORDS = 1


def build(
    states: StateStore,
    events: EventStore,
    tokens: auth.Tokens,
    hosts: frozenset[str],
    clock: Clock = system_clock,
    probe: Probe = answers,
    providers: Providers | None = None,
    installation: Callable[[], Installation] = in_memory,
    limits: Limits = NO_LIMITS,
    environment: str = "",
    front: Front = LOOPBACK,
) -> ASGIApp:
    """The whole control plane as an ASGI app over the given stores; its controller runs with its lifespan.
    `providers`: None asks them over HTTP. `limits`: how often flags may be evaluated over OFREP. `environment`: that of
    this installation, "" for none. `front`: how people reach the dashboard."""
    http, messenger = HttpProviders(), HttpMessenger(clock=clock)
    asked = providers or http
    fleet, told = Fleet(), Changes()
    publisher = Publisher(states)
    controller = Controller(states, events, fleet, publisher, told, clock)
    desk = Desk(states, events, fleet, controller, told, clock, probe)
    exposing = Exposing(events, clock)
    tally = Tally(states, clock)
    flag_desk = FlagDesk(states, publisher, clock, told.tell, exposing, tally)
    feed = Feed(flag_desk)
    applier = Applier(states, events, publisher, probe, clock, asked, told.tell, environment)
    retention = Retention(events, clock)
    meters = Meters(states, asked, told, clock)
    notifier = Notifier(states, messenger, told.tell, clock, front)

    @contextlib.asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        loops: list[asyncio.Task[object]] = [
            asyncio.create_task(controller.run()),
            asyncio.create_task(retention.run()),
            asyncio.create_task(meters.run()),
            asyncio.create_task(exposing.run()),
            asyncio.create_task(tally.run()),
            asyncio.create_task(notifier.run()),
            asyncio.create_task(asyncio.to_thread(templating.prepare)),
            # Reads the history once, so that the first page that is asked for need not.
            asyncio.create_task(desk.rollouts()),
        ]
        try:
            yield
        finally:
            for loop in loops:
                loop.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            await http.close()
            await messenger.close()

    app = Starlette(
        routes=[
            *health.routes(controller, environment),
            *rollouts.routes(desk, states, front, environment),
            *documents.routes(applier),
            *flags.routes(flag_desk),
            *codebases.routes(CodebaseDesk(states, flag_desk, clock, told.tell)),
            *sdk.routes(flag_desk, feed),
            *ofrep.routes(flag_desk, Notices(feed, clock), tokens),
            *units.routes(desk),
            *audit.routes(desk),
            *services.routes(desk),
            *holdouts.routes(desk),
            *changes.routes(desk),
            *notifications.routes(notifier),
            *tracking.routes(events, clock),
            *gateway.routes(publisher, fleet, events, clock),
            *auth.routes(tokens),
            *pages.routes(desk, flag_desk, applier, installation, notifier, front=front),
        ],
        exception_handlers={FaderError: problems.on_fader_error, Exception: problems.on_any_error},
        lifespan=lifespan,
    )
    guests = Allowance(CARDS, time.monotonic) if front.public_cards else None
    return Express(auth.Guard(app, tokens, hosts, guests), flag_desk, tokens, hosts, limits)


def serve(
    *,
    data_dir: Path,
    host: str = "127.0.0.1",
    port: int = 7070,
    limits: Limits = NO_LIMITS,
    environment: str = "",
    front: Front = LOOPBACK,
) -> int:
    """Run until SIGTERM or SIGINT, or until the supervisor that started it is gone. Raises BadInput, Corrupt."""
    data = DataDirectory(data_dir)
    tokens = data.prepare()
    data.keep_environment(environment)
    set_up()
    allow_connections()
    bound = listen(host, port)
    states = SqlStateStore(open_sqlite(data.state))
    events = DuckDBEventStore(data.events)
    hosts = frozenset({"localhost", "127.0.0.1", "::1", host.lower(), host_of(front)})
    config = uvicorn.Config(
        build(
            states,
            events,
            tokens,
            hosts,
            installation=lambda: replace(installed(data, environment), front=front),
            limits=limits,
            environment=environment,
            front=front,
        ),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        timeout_graceful_shutdown=LAST_WORDS,
    )
    server = Server(config)
    try:
        with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
            runner.run(_run(server, bound))
    finally:
        events.close()
        states.close()
    return 0


class Server(uvicorn.Server):
    """uvicorn ends the process by the signal that it got, before the stores are closed; this one returns."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.leave)
        try:
            yield
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    def leave(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True


async def _run(server: Server, bound: socket.socket) -> None:
    watch = asyncio.create_task(_leave_with_parent(server)) if os.environ.get("FADER_SUPERVISED") else None
    await server.serve(sockets=[bound])
    if watch:
        watch.cancel()


async def _leave_with_parent(server: Server) -> None:
    """A supervisor that was killed cannot stop us; without this a new one would find the port taken for ever."""
    await parent_gone()
    server.should_exit = True
