"""Events are personal data and disk space: they go after a while. The history and its evidence stay."""

from __future__ import annotations

import asyncio

import structlog

from fader.clock import Clock
from fader.ports.events import EventStore
from fader.rollout.plan import PAST

#: Events older than this are dropped. Seconds: what users did before a rollout is a covariate for so long.
KEEP = PAST
#: Seconds between rounds.
EVERY = 3600.0

log = structlog.get_logger("fader.retention")


class Retention:
    def __init__(self, events: EventStore, clock: Clock) -> None:
        self._events, self._clock = events, clock

    async def run(self) -> None:
        while True:
            await asyncio.sleep(EVERY)
            try:
                gone = await asyncio.to_thread(self._events.retain, self._clock() - KEEP)
                if gone:
                    log.info("old events dropped", rows=gone)
            except Exception:
                log.exception("old events could not be dropped; trying again later")
