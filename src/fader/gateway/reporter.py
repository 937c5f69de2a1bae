"""What the gateway tells the control plane: once a second, and at once when something changed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace

from structlog.typing import FilteringBoundLogger

from fader.clock import Clock
from fader.errors import Refused, Unavailable
from fader.gateway.admin import Admin
from fader.gateway.control_plane import ControlPlane
from fader.gateway.counts import version_counts
from fader.gateway.envoy import Envoy
from fader.gateway.health import HealthWatch
from fader.gateway.spool import Spool
from fader.model.report import EndpointHealth, GatewayReport, VersionCount

#: Seconds between two looks at the endpoints' health, and between two reports when nothing changes.
LOOK, PERIOD = 0.5, 1.0
#: Upper bound in ms of what lies above the last latency bucket, as it is sent: JSON has no infinity.
ENDLESS = 1e9


@dataclass(slots=True)
class Standing:
    """What the agent knows of its own work. `error` is "" when Envoy serves the last ruleset received."""

    applied_version: int = 0
    applied_at: float = 0.0
    error: str = ""


class Reporter:
    """Runs until cancelled. A report that cannot be sent is not kept: the next one says more."""

    def __init__(
        self,
        gateway: str,
        *,
        server: ControlPlane,
        admin: Admin,
        envoy: Envoy,
        spool: Spool,
        health: HealthWatch,
        standing: Standing,
        log: FilteringBoundLogger,
        clock: Clock,
    ) -> None:
        self._gateway = gateway
        self._server = server
        self._admin = admin
        self._envoy = envoy
        self._spool = spool
        self._health = health
        self._standing = standing
        self._log = log
        self._clock = clock
        self._changed = asyncio.Event()
        self._endpoints: tuple[EndpointHealth, ...] = ()
        self._counts: tuple[VersionCount, ...] = ()

    def changed(self) -> None:
        """Something is worth a report now."""
        self._changed.set()

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        next_report = 0.0
        while True:
            now = self._changed.is_set()
            self._changed.clear()
            if now:
                # A change of the ruleset is said before anything is asked of Envoy.
                await self.send()
            now = await self._look()
            if now or loop.time() >= next_report:
                next_report = loop.time() + PERIOD - LOOK / 10
                await self._count()
                await self.send()
                with suppress(OSError):
                    self._envoy.log_file.bound()
            try:
                await asyncio.wait_for(self._changed.wait(), LOOK)
            except TimeoutError:
                continue

    def report(self) -> GatewayReport:
        envoy = self._envoy.running
        standing = self._standing
        return GatewayReport(
            gateway=self._gateway,
            at=self._clock(),
            envoy_pid=envoy.pid if envoy else 0,
            envoy_started_at=envoy.started_at if envoy else 0.0,
            applied_version=standing.applied_version,
            applied_at=standing.applied_at,
            error=standing.error or ("" if envoy else self._envoy.complaint or "Envoy does not run"),
            endpoints=self._endpoints,
            counts=self._counts,
            spool_bytes=self._spool.bytes(),
            shipped_lines=self._spool.shipped_lines,
            dropped_lines=self._spool.dropped_lines,
        )

    async def send(self) -> None:
        try:
            await self._server.report(self.report())
        except Unavailable as error:
            self._log.debug("report not sent", why=str(error))
        except Refused as error:
            self._log.warning("report refused", why=str(error))

    async def _look(self) -> bool:
        """Whether an endpoint's health is not what it was."""
        before = {(e.service, e.version, e.address): e.healthy for e in self._endpoints}
        try:
            self._endpoints = await self._health.look(await self._admin.clusters())
        except (Unavailable, ValueError):
            return False
        return any(before.get((e.service, e.version, e.address), True) != e.healthy for e in self._endpoints)

    async def _count(self) -> None:
        try:
            self._counts = tuple(map(_finite, version_counts(await self._admin.counts())))
        except Unavailable:
            return


def _finite(count: VersionCount) -> VersionCount:
    return replace(count, latency_bins=tuple((min(bound, ENDLESS), number) for bound, number in count.latency_bins))
