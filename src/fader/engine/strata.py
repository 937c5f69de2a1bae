"""The stages as strata of evidence: when each was in force at the gateways, and which events it therefore sums."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from fader.assign.exposed import SETTLED
from fader.clock import Clock
from fader.engine.fleet import Fleet
from fader.model.share import WHOLE
from fader.model.state import ENDED, Phase
from fader.ports.events import EventStore
from fader.ports.states import Entry, StateStore, Window
from fader.rollout.plan import cell


class Strata:
    """A stage's window opens when the gateways acknowledge its share, and closes when the next share is decided: what
    was asked in between belongs to no stage. Of a flag it opens when SDKs that are connected hold the share; one that
    is not goes on with the old one, and says so by its exposures. Where gateways tell who was exposed to it, they must
    have acknowledged it too. Following twice, or after a crash, changes nothing.
    """

    def __init__(self, states: StateStore, events: EventStore, fleet: Fleet, clock: Clock) -> None:
        self._states, self._events, self._fleet, self._clock = states, events, fleet, clock
        self._opened: dict[tuple[str, int, int], float] = {}

    def window(self, entry: Entry) -> Window | None:
        """The current stage's window; None before the first stage."""
        state = entry.state
        return next((w for w in self._states.windows(state.rollout, state.attempt) if w.stage == state.stage), None)

    async def follow(self, entry: Entry, version: int) -> None:
        """Bring the windows in line with the state; `version` is the published ruleset that carries it."""
        state = entry.state
        judged = state.stage >= 0 and 0 < state.share < WHOLE
        closed_at = (state.ended_at or state.stage_since) if state.phase in ENDED else state.stage_since
        windows = self._states.windows(state.rollout, state.attempt)
        for window in windows:
            current = judged and window.stage == state.stage and state.phase not in ENDED
            if not current and window.until == 0.0 and state.phase is not Phase.PENDING:
                await self._put(entry, replace(window, until=closed_at))
        if judged and state.phase not in ENDED and all(w.stage != state.stage for w in windows):
            begins = self._clock() + SETTLED if entry.spec.flag and not self._told(entry.spec.flag) else 0.0
            self._states.put_window(Window(state.rollout, state.attempt, state.stage, version, begins))
        for window in self._states.windows(state.rollout, state.attempt):
            if window.since == 0.0 and window.until == 0.0:
                since = self._fleet.applied(window.version)
                if since:
                    least = state.stage_since + (SETTLED if entry.spec.flag else 0.0)
                    await self._put(entry, replace(window, since=max(since, least)))
            elif window.since and self._opened.get((window.rollout, window.attempt, window.stage)) is None:
                await self._put(entry, window)  # a restarted process opens what it finds

    def _told(self, flag: str) -> bool:
        """Whether gateways tell who was exposed to the flag."""
        return any(s.exposures == "gateway" and flag in s.flags for s in self._states.services())

    async def _put(self, entry: Entry, window: Window) -> None:
        self._states.put_window(window)
        if window.since:
            opened = cell(entry.spec, replace(entry.state, stage=window.stage), window.since, window.until)
            await asyncio.to_thread(self._events.open_cell, opened)
            self._opened[window.rollout, window.attempt, window.stage] = window.since
