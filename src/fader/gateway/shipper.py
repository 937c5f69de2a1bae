"""Access-log lines to the server: whole lines in batches, acknowledged, at least once, oldest first."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.typing import FilteringBoundLogger

from fader.errors import Refused, Unavailable
from fader.gateway.admin import Admin
from fader.gateway.backoff import Backoff
from fader.gateway.control_plane import ControlPlane
from fader.gateway.spool import Segment, Spool

BATCH = 1 << 20
PERIOD = 0.2


class Shipper:
    """Runs until cancelled. Nothing else touches the spool while it runs, save `before_start`."""

    def __init__(self, spool: Spool, server: ControlPlane, admin: Admin, log: FilteringBoundLogger) -> None:
        self._spool = spool
        self._server = server
        self._admin = admin
        self._log = log
        self.error = ""

    async def run(self) -> None:
        backoff = Backoff(first=0.1, most=2.0)
        # An agent before us may have ended between a rename and Envoy's opening of the new file.
        reopen = True
        while True:
            try:
                reopen = await self._keep_house(reopen)
                more = await self.ship_once()
            except (Unavailable, Refused, OSError) as error:
                # A full disk too: the agent must go on to carry out rollbacks.
                if str(error) != self.error:
                    self._log.warning("access-log lines wait on disk", why=str(error))
                self.error = str(error)
                await asyncio.sleep(backoff.next())
                continue
            if self.error:
                self._log.info("access-log lines are shipped again")
                self.error = ""
            backoff.reset()
            if not more:
                await asyncio.sleep(PERIOD)

    async def ship_once(self) -> bool:
        """Send one batch of the oldest segment that has lines to send. False when there is nothing to send.

        Raises Unavailable, Refused.
        """
        for segment in self._spool.segments():
            lines = await asyncio.to_thread(read_lines, segment.path, segment.held)
            if not lines:
                if segment.final:
                    self._spool.acknowledge(segment.name, segment.size, 0)
                continue
            await self._send(segment, lines)
            return True
        return False

    async def drain(self, patience: float) -> None:
        """At the end: what is on disk now, as far as `patience` seconds go."""
        try:
            async with asyncio.timeout(patience):
                while await self.ship_once():
                    pass
        except (Unavailable, Refused, TimeoutError, OSError) as error:
            self._log.warning("access-log lines stay on disk for the next start", why=str(error) or "no time left")

    def before_start(self) -> None:
        """Envoy does not run: what it wrote last is whole or will never be. Called before each start of Envoy."""
        self._spool.rotate()
        self._spool.finish()

    async def _send(self, segment: Segment, lines: bytes) -> None:
        end = segment.held + len(lines)
        held = await self._server.lines(segment.name, segment.held, lines)
        if held == segment.held:
            raise Unavailable("the server took no line of a batch")
        gained = lines.count(b"\n") if held >= end else lines[: max(held - segment.held, 0)].count(b"\n")
        self._spool.acknowledge(segment.name, held, gained)

    async def _keep_house(self, reopen: bool) -> bool:
        """Rotate, finish what Envoy no longer writes, keep the bound. Returns whether Envoy must still be asked to
        open its logs again."""
        spool = self._spool
        if spool.due():
            spool.rotate()
            reopen = True
        if reopen:
            try:
                await self._admin.reopen_logs()
                reopen = False
            except Unavailable:
                pass
        if spool.waiting() and spool.reopened():
            spool.finish()
        lost = spool.bound()
        if lost:
            self._log.error("access-log lines were dropped: the spool is full", lines=lost)
        return reopen


def read_lines(path: Path, offset: int, most: int = BATCH) -> bytes:
    """Whole lines from byte `offset` on, about `most` bytes; b"" when there is no whole line yet."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            piece = file.read(most)
            end = piece.rfind(b"\n") + 1
            if end or len(piece) < most:
                return piece[:end]
            rest = file.readline()
            return piece + rest if rest.endswith(b"\n") else b""
    except FileNotFoundError:
        return b""
