"""The gateway agent: a process of its own that owns Envoy.

It fetches the ruleset, keeps it on disk, brings Envoy to it, ships the access log and reports. It never depends on
the control plane being up, and Envoy never depends on the agent being up.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from structlog.typing import FilteringBoundLogger

from fader.clock import Clock, system_clock
from fader.errors import BadInput, Corrupt, Problem, Refused, Unavailable
from fader.gateway.acks import Acks
from fader.gateway.admin import AdminSocket
from fader.gateway.applier import Applier
from fader.gateway.backoff import Backoff
from fader.gateway.binary import find_envoy
from fader.gateway.control_plane import HttpControlPlane
from fader.gateway.envoy import Envoy, EnvoyOptions
from fader.gateway.envoy_log import EnvoyLog
from fader.gateway.health import HealthWatch
from fader.gateway.journal import journal
from fader.gateway.layout import LONGEST_DIRECTORY, Layout
from fader.gateway.lock import Lock, hold_directory
from fader.gateway.probe import connect
from fader.gateway.reporter import Reporter, Standing
from fader.gateway.ruleset_file import RulesetFile
from fader.gateway.shipper import Shipper
from fader.gateway.spool import Spool
from fader.gateway.supervisor_watch import parent_gone
from fader.gateway.validation import Validator
from fader.model.ruleset import Ruleset

#: How long the server may hold a request for a ruleset that has not changed; seconds.
LONG_POLL = 20.0


@dataclass(frozen=True, slots=True)
class AgentConfig:
    """`directory` belongs to one gateway alone. `envoy` None: the one of the Python package, or on the path.

    Times in seconds: `drain`, how long a stop waits for requests in flight; `segment_age`, when a segment of the
    access log is closed at the latest. `supervised`: end (without stopping Envoy) when the parent process ends.
    `concurrency`: Envoy's worker threads, 0 is one per CPU. `ca`: file of authorities for upstream TLS.
    """

    directory: Path
    server: str
    token_file: Path
    gateway: str = "local"
    envoy: Path | None = None
    verbosity: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["console", "json"] = "console"
    drain: float = 5.0
    spool_limit: int = 1 << 30
    segment_bytes: int = 32 << 20
    segment_age: float = 300.0
    concurrency: int = 0
    supervised: bool = True
    ca: str = ""


async def run_agent(config: AgentConfig) -> int:
    """Run the gateway until SIGTERM or SIGINT (then Envoy is drained and stopped) or until the supervisor has gone
    (then Envoy goes on). Returns the exit code.

    Raises BadInput: the directory is held by another agent or cannot be used, there is no Envoy.
    """
    directory = config.directory.absolute()
    if len(str(directory).encode()) > LONGEST_DIRECTORY:
        raise BadInput(
            Problem(
                f"the path of the gateway directory is too long for a socket in it (over {LONGEST_DIRECTORY} bytes)",
                "choose a data directory with a shorter path",
                str(directory),
            )
        )
    binary = find_envoy(config.envoy)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = hold_directory(directory)
    except OSError as error:
        raise BadInput(
            Problem(f"the gateway directory cannot be used: {error.strerror}", "make it writable", str(directory))
        ) from error
    agent = Agent(
        config,
        directory=directory,
        binary=binary,
        lock=lock,
        log=journal(config.gateway, config.verbosity, config.log_format),
        clock=system_clock,
    )
    try:
        return await agent.run()
    finally:
        await agent.close()


class Agent:
    """The parts, put together. One object, one run."""

    def __init__(
        self,
        config: AgentConfig,
        *,
        directory: Path,
        binary: Path,
        lock: Lock,
        log: FilteringBoundLogger,
        clock: Clock,
    ) -> None:
        self._config = config
        self._lock = lock
        self._log = log
        self._clock = clock
        self._layout = Layout(directory, ca=config.ca)
        self._admin = AdminSocket(self._layout.admin)
        self._server = HttpControlPlane(config.server, config.token_file, config.gateway)
        envoy_log = EnvoyLog(directory / "envoy.log")
        self._envoy = Envoy(
            self._layout,
            EnvoyOptions(binary, config.concurrency),
            admin=self._admin,
            envoy_log=envoy_log,
            log=log,
            clock=clock,
        )
        acks = Acks(self._admin, envoy_log)
        self._applier = Applier(self._layout, acks, envoy_log, Validator(binary), log)
        self._spool = Spool(
            self._layout.access_log,
            directory / "spool",
            limit=config.spool_limit,
            segment_bytes=config.segment_bytes,
            segment_age=config.segment_age,
            clock=clock,
        )
        self._shipper = Shipper(self._spool, self._server, self._admin, log)
        self._standing = Standing()
        self._reporter = Reporter(
            config.gateway,
            server=self._server,
            admin=self._admin,
            envoy=self._envoy,
            spool=self._spool,
            health=HealthWatch(connect),
            standing=self._standing,
            log=log,
            clock=clock,
        )
        self._ruleset_file = RulesetFile(directory / "ruleset.json")
        self._wanted: Ruleset | None = None
        self._turn = asyncio.Event()
        self._reborn = False

    async def run(self) -> int:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        try:
            await self._boot()
            return await self._serve(stop)
        finally:
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)

    async def close(self) -> None:
        await self._admin.close()
        await self._server.close()
        self._lock.let_go()

    async def _boot(self) -> None:
        """Serve from disk at once, whether or not the server is there."""
        try:
            self._wanted = self._ruleset_file.load()
        except Corrupt as error:
            self._log.error("the stored ruleset is corrupt: serving what was configured last", why=str(error))
            self._standing.error = str(error)
        self._applier.recover()
        if await self._envoy.adopt():
            if self._applier.same_bootstrap():
                await self._applier.adopted(self._envoy.log_file.end())
                self._turn.set()
                return
            self._log.warning("Envoy was started by another version of fader: it is started anew")
            await self._envoy.stop(self._config.drain)
        self._shipper.before_start()
        outcome = await self._applier.prepare(self._wanted)
        if outcome.error:
            self._log.error("the stored ruleset cannot be served", why=outcome.error)
        self._envoy.start()
        await self._applier.restarted(self._envoy.log_offset)
        self._turn.set()

    async def _serve(self, stop: asyncio.Event) -> int:
        tasks = {
            "fetch": self._fetch(),
            "apply": self._apply(),
            "envoy": self._envoy.supervise(self._down, self._up),
            "lines": self._shipper.run(),
            "report": self._reporter.run(),
        }
        running = {asyncio.create_task(work, name=name) for name, work in tasks.items()}
        stopped: asyncio.Task[Any] = asyncio.create_task(stop.wait(), name="stop")
        ends = {stopped}
        if self._config.supervised:
            ends.add(asyncio.create_task(parent_gone(), name="supervisor"))
        done, _ = await asyncio.wait(running | ends, return_when=asyncio.FIRST_COMPLETED)
        failed = [task for task in done if task in running]
        if stopped in done and not failed:
            await self._stop(running)
        await _cancel(running | ends)
        for task in failed:
            # A part that ends is a defect: say so and end, for the supervisor to start a new agent. Envoy goes on.
            self._log.error("a part of the agent ended", part=task.get_name(), exc_info=task.exception())
        if failed:
            return 1
        if stopped not in done:
            self._log.warning("the supervisor has gone: the agent ends and Envoy goes on serving")
        return 0

    async def _stop(self, running: set[asyncio.Task[None]]) -> None:
        self._log.info("stopping", patience=self._config.drain)
        # Until Envoy has ended its lines are shipped and it is reported on, but nothing is changed any more.
        await _cancel(task for task in running if task.get_name() in ("fetch", "apply"))
        await self._envoy.stop(self._config.drain)
        await _cancel(running)
        self._shipper.before_start()
        await self._shipper.drain(2.0)
        with suppress(TimeoutError):
            await asyncio.wait_for(self._reporter.send(), 2.0)

    async def _fetch(self) -> None:
        """The newest ruleset, on disk before anything else is done with it."""
        backoff = Backoff(first=0.05, most=2.0)
        told = ""
        while True:
            have = self._wanted.version if self._wanted else 0
            try:
                fresh = await self._server.ruleset(have, LONG_POLL)
            except (Unavailable, Refused) as error:
                if str(error) != told:
                    told = str(error)
                    self._log.warning("no ruleset from the server: serving the last one", why=told, have=have)
                await asyncio.sleep(backoff.next())
                continue
            backoff.reset()
            if told:
                self._log.info("the server answers again")
                told = ""
            if fresh is None or fresh == self._wanted:
                # A server that answers at once with what is known already must not be asked in a tight loop.
                await asyncio.sleep(0.01 if fresh is None else 0.25)
                continue
            try:
                # The file is there before anything is applied, whatever is killed now. Waiting for the disk, which
                # may take longer than everything else in a rollback, goes on beside the applying.
                self._ruleset_file.store(fresh)
                self._wanted = fresh
                self._turn.set()
                await asyncio.to_thread(self._ruleset_file.sync)
            except OSError as error:
                self._fail(f"cannot store the ruleset: {error}")
                await asyncio.sleep(backoff.next())

    async def _apply(self) -> None:
        backoff = Backoff(first=1.0, most=30.0)
        again = False
        while True:
            self._turn.clear()
            wanted = self._wanted
            if self._reborn:
                self._reborn = False
                await self._applier.restarted(self._envoy.log_offset)
            if wanted is None:
                await self._turn.wait()
                continue
            outcome = await self._applier.apply(wanted, again=again)
            self._note(wanted, outcome.error)
            if not outcome.error:
                backoff.reset()
            again = outcome.again
            with suppress(TimeoutError):
                await asyncio.wait_for(self._turn.wait(), backoff.next() if again else None)
            if self._turn.is_set():
                again = False
                backoff.reset()

    def _note(self, wanted: Ruleset, error: str) -> None:
        applied = self._applier.applied
        if applied is not None:
            if applied.version != self._standing.applied_version or not self._standing.applied_at:
                self._standing.applied_at = self._clock()
            self._standing.applied_version = applied.version
        if error:
            self._fail(f"ruleset {wanted.version} is not in force: {error}")
        else:
            self._standing.error = ""
            self._log.info("ruleset in force", version=wanted.version)
            self._reporter.changed()

    def _fail(self, error: str) -> None:
        if error != self._standing.error:
            self._log.error(error)
        self._standing.error = error
        self._reporter.changed()

    async def _down(self) -> None:
        self._reporter.changed()
        self._shipper.before_start()

    def _up(self) -> None:
        self._reborn = True
        self._turn.set()
        self._reporter.changed()


async def _cancel(tasks: Iterable[asyncio.Task[Any]]) -> None:
    ending = list(tasks)
    for task in ending:
        task.cancel()
    await asyncio.gather(*ending, return_exceptions=True)
