"""The agent's Envoy: started or adopted, watched, started again, stopped without hurting anybody.

No hot restart: it would share memory and sockets by a number that is global to the machine, and a configuration is
changed without a restart in any case. What keeps two Envoys off one port is the lock that a living Envoy carries
itself (see `lock`) and listeners without SO_REUSEPORT.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
from structlog.typing import FilteringBoundLogger

from fader.clock import Clock, system_clock
from fader.errors import Unavailable
from fader.gateway import durable_file
from fader.gateway.admin import AdminSocket
from fader.gateway.backoff import Backoff
from fader.gateway.envoy_log import EnvoyLog
from fader.gateway.layout import Layout
from fader.gateway.lock import Lock
from fader.gateway.process import Identity, ended, identify, send, status_in_words

#: A life shorter than this counts towards a crash loop; seconds.
SHORT_LIFE = 10.0
#: How long a living Envoy may take to answer on its admin socket before it counts as hung; seconds.
ANSWER = 15.0


@dataclass(frozen=True, slots=True)
class EnvoyOptions:
    """`concurrency`: worker threads, 0 lets Envoy take one per CPU. `flush_ms`: how long a log line may wait.

    `drain_seconds`: how long the connections of a listener that is changed or removed may go on.
    """

    binary: Path
    concurrency: int = 0
    flush_ms: int = 100
    drain_seconds: int = 30


class Envoy:
    """`generation` rises with every start and adoption; `running` is the Envoy there is now, None between two."""

    def __init__(
        self,
        layout: Layout,
        options: EnvoyOptions,
        *,
        admin: AdminSocket,
        envoy_log: EnvoyLog,
        log: FilteringBoundLogger,
        clock: Clock = system_clock,
    ) -> None:
        self._layout = layout
        self._options = options
        self._admin = admin
        self.log_file = envoy_log
        self._log = log
        self._clock = clock
        self._lock = Lock(layout.directory / "envoy.lock")
        self._pid_file = layout.directory / "envoy.pid"
        self._stopping = False
        self.running: Identity | None = None
        self.generation = 0
        self.log_offset = 0
        self.complaint = ""

    async def adopt(self) -> bool:
        """Take over the Envoy of this directory if one lives. Never starts anything.

        A living Envoy is known by its lock, its number by the kernel's word on its admin socket or by its pid file.
        One that lives and does not answer within some seconds serves nobody we can speak for: it is ended.
        """
        if self._lock.take("no Envoy"):
            self._lock.let_go()
            return False
        give_up = time.monotonic() + ANSWER
        while time.monotonic() < give_up:
            written = self._written()
            pid = await self._admin.peer()
            found = written if written and written.pid == pid and written.alive() else None
            found = found or (identify(pid, self._clock()) if pid else None)
            if found is not None:
                self._take(found)
                self._log.info("adopted the Envoy that was running", pid=found.pid)
                return True
            if self._lock.take("no Envoy"):
                self._lock.let_go()
                return False
            await asyncio.sleep(0.02)
        written = self._written()
        if written is None:
            raise Unavailable(f"an Envoy of {self._layout.directory} lives, and neither answers nor says its number")
        self._log.error("the Envoy that was running does not answer: it is ended", pid=written.pid)
        send(written, signal.SIGKILL)
        await ended(written)
        return False

    def start(self) -> None:
        """Start Envoy from the files on disk, in a session of its own so that it outlives the agent.

        Raises Unavailable when it cannot be started, or when one lives.
        """
        if not self._lock.take("Envoy"):
            raise Unavailable("an Envoy of this gateway is still running")
        try:
            self.log_offset = self.log_file.end()
            pid = self._spawn()
            started = identify(pid, self._clock()) or Identity(pid, 0, "", self._clock())
            self._take(started)
        finally:
            self._lock.let_go()
        self._log.info("started Envoy", pid=pid)

    async def supervise(self, down: Callable[[], Awaitable[None]], up: Callable[[], None]) -> None:
        """Start Envoy again whenever it ends; returns only when `stop` has ended it.

        `down` runs before each new start, `up` after it. The first restarts are immediate, a crash loop backs off.
        """
        backoff = Backoff(first=0.25, most=5.0, free=3)
        while self.running is not None:
            life = self.running
            status = await ended(life)
            self.running = None
            if self._stopping:
                return
            lived = self._clock() - life.started_at
            if lived >= SHORT_LIFE:
                backoff.reset()
            pause = backoff.next()
            why = self.log_file.complaint(self.log_offset)
            self.complaint = f"Envoy {status_in_words(status)}" + (f": {why}" if why else "")
            self._log.error("Envoy ended", pid=life.pid, how=status_in_words(status), why=why, restart_in=pause)
            await asyncio.sleep(pause)
            await down()
            if self._stopping:
                return
            self.start()
            up()

    async def stop(self, patience: float, *, tick: float = 0.02) -> None:
        """Let every request in flight finish, at most `patience` seconds, then end Envoy.

        First every answer asks its connection to close, then no new connection is accepted, then the requests in
        flight are waited for: a plain SIGTERM would drop them all.
        """
        self._stopping = True
        process = self.running
        if process is None:
            return
        begin = time.monotonic()
        closed = False
        try:
            await self._admin.drain(graceful=True)
            while time.monotonic() - begin < patience:
                active = await self._active()
                if not closed and (active == 0 or time.monotonic() - begin > patience / 4):
                    await self._admin.drain(graceful=False)
                    closed = True
                elif active == 0:
                    break
                await asyncio.sleep(tick)
        except Unavailable as error:
            self._log.warning("could not drain Envoy", why=str(error))
        send(process, signal.SIGTERM)
        try:
            await asyncio.wait_for(ended(process), 5.0)
        except TimeoutError:
            send(process, signal.SIGKILL)
            await ended(process)
        durable_file.remove(self._pid_file)
        self._log.info("stopped Envoy", pid=process.pid, drained_in=round(time.monotonic() - begin, 3))

    async def _active(self) -> int:
        """Requests in flight, long-lived streams among them."""
        stats = await self._admin.stats(r"^http\..*\.downstream_rq_active$")
        # Asking is itself a request in flight.
        return sum(int(value) for name, value in stats.items() if name != "http.admin.downstream_rq_active")

    def _take(self, process: Identity) -> None:
        durable_file.replace(self._pid_file, msgspec.json.encode(process))
        self.running = process
        self.generation += 1

    def _written(self) -> Identity | None:
        try:
            return msgspec.json.decode(durable_file.content(self._pid_file) or b"", type=Identity)
        except msgspec.DecodeError:
            return None

    def _spawn(self) -> int:
        options = self._options
        arguments = [
            str(options.binary),
            "--config-path",
            str(self._layout.bootstrap),
            "--disable-hot-restart",
            "--log-level",
            "warning",
            "--file-flush-interval-msec",
            str(options.flush_ms),
            "--drain-time-s",
            str(options.drain_seconds),
            "--drain-strategy",
            "immediate",
        ]
        if options.concurrency:
            arguments += ["--concurrency", str(options.concurrency)]
        log_fd = self.log_file.open_for_envoy()
        os.set_inheritable(self._lock.fileno, True)
        try:
            return os.posix_spawn(
                options.binary,
                arguments,
                {"PATH": os.defpath},
                setsid=True,
                # Python ignores these two, and what is ignored stays ignored in a child.
                setsigdef=[signal.SIGPIPE, signal.SIGXFSZ],
                file_actions=[
                    (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
                    (os.POSIX_SPAWN_DUP2, log_fd, 1),
                    (os.POSIX_SPAWN_DUP2, log_fd, 2),
                ],
            )
        except OSError as error:
            raise Unavailable(f"Envoy cannot be started: {error}") from error
        finally:
            os.set_inheritable(self._lock.fileno, False)
            os.close(log_fd)
