"""The flags and segments in force as server-sent events: what changed, encoded once for all who follow."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import NamedTuple

from fader.api.edition import Edition
from fader.engine.flag_desk import FlagDesk

#: Seconds without a change after which those who follow hear that the server is still there.
HEARTBEAT = 10.0
#: Bytes of past changes that are kept for those who come back.
KEPT = 4_000_000
#: Bytes that a connection is given at once; one that is slow holds no more than that.
SLICE = 65_536
STILL_HERE = b": still here\n\n"


class Change(NamedTuple):
    """From one edition, by its id, to the next: the event as it is sent."""

    before: str
    event: bytes


class Feed:
    """The edition in force, and the way to it from earlier ones. A slow follower misses nothing and holds nothing up:
    each knows how far it has come, and there is no queue that could grow.

    While anybody follows, one task waits for changes, and all share its heartbeat.
    """

    def __init__(self, desk: FlagDesk, heartbeat: float = HEARTBEAT) -> None:
        self._desk, self._heartbeat = desk, heartbeat
        self._now = Edition(desk.ruleset)
        self._whole = Change("", b"")
        self._changes: deque[Change] = deque()
        self._news = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._followers = 0

    @property
    def followers(self) -> int:
        return self._followers

    @property
    def current(self) -> Edition:
        ruleset = self._desk.ruleset
        if ruleset.version != self._now.version:
            before, self._now = self._now, Edition(ruleset, self._now)
            self._changes.append(Change(before.id, _event("change", self._now.id, self._now.since(before))))
            while len(self._changes) > 1 and sum(len(c.event) for c in self._changes) > KEPT:
                self._changes.popleft()
            self._wake()
        return self._now

    def since(self, last: str) -> bytes:
        """The events that lead from the edition with the id `last` to the one in force, a comment when it is that one.
        From one that is unknown, or too long ago: the whole."""
        now = self.current
        if last == now.id:
            return STILL_HERE
        events: deque[bytes] = deque()
        for change in reversed(self._changes):
            events.appendleft(change.event)
            if change.before == last:
                return events[0] if len(events) == 1 else b"".join(events)
        version, _, digest = last.partition("-")
        if digest == now.digest and version.isdecimal() and len(version) < 20:
            return _event("change", now.id, now.renumbered(int(version)))
        if self._whole.before != now.id:
            self._whole = Change(now.id, _event("ruleset", now.id, now.body))
        return self._whole.event

    async def follow(self, last: str = "") -> AsyncIterator[bytes]:
        """Events without end, the first at once. `last`: the id of the last one that was received."""
        async with aclosing(self.editions()) as editions:
            async for edition in editions:
                events, last = self.since(last), edition.id
                for start in range(0, len(events), SLICE):
                    yield events[start : start + SLICE]

    async def editions(self) -> AsyncGenerator[Edition]:
        """The one in force at once, the newest after each change, and as a heartbeat the same again."""
        self._followers += 1
        self._start()
        try:
            while True:
                edition = self.current
                yield edition
                if edition is self._now:
                    await self._news.wait()
        finally:
            self._followers -= 1
            if not self._followers:
                self._end()

    def _start(self) -> None:
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._run())

    def _end(self) -> None:
        """Forgets the task, which goes on until its next turn: who comes before that needs one that lives."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None

    async def _run(self) -> None:
        while True:
            if await self._desk.newer(self.current.version, self._heartbeat) is None:
                self._wake()

    def _wake(self) -> None:
        news, self._news = self._news, asyncio.Event()
        news.set()


def _event(kind: str, name: str, data: bytes) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (kind.encode(), name.encode(), data)
