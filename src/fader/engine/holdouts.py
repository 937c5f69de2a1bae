"""Following the holdouts that are applied: when each began, on which metrics, and the sums of its two arms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from fader.clock import Clock
from fader.engine.observe import HISTORY
from fader.engine.publish import Publisher
from fader.errors import NotFound
from fader.model.evidence import HealthEvidence, LearningEvidence
from fader.model.holdout import Holdout, HoldoutState, HoldoutView
from fader.model.metric import Metric
from fader.ports.events import EventStore
from fader.ports.states import StateStore
from fader.rollout.holdout import cell, follow, threshold, unlearnt, view

#: A quantile that is not learnt yet is asked for so often. Seconds.
LEARN = 60.0


class Holdouts:
    """The state is kept first, then the cells are opened; a restarted process opens what it finds. Following twice, or
    after a crash, changes nothing. The sums need no tick: they are brought up to date when they are asked for, and
    before events go."""

    def __init__(self, states: StateStore, events: EventStore, publisher: Publisher, clock: Clock) -> None:
        self._states, self._events, self._publisher, self._clock = states, events, publisher, clock
        self._opened: dict[str, HoldoutState] = {}
        self._learnt_at: dict[str, float] = {}

    async def follow(self) -> None:
        wanted = {h.name: h for h in self._states.settings().holdouts}
        known = {h.name: h for h in self._states.holdouts()}
        for name in {**known, **wanted}:
            state, holdout, now = known.get(name), wanted.get(name), self._clock()
            if state is not None and self._opened.get(name) != state:
                await self._open(state)
            after = follow(state, holdout, await self._thresholds(state, holdout, now), now)
            if after is not None and after != state:
                self._states.put_holdout(after)
                await self._open(after)

    async def _open(self, state: HoldoutState) -> None:
        for measured in state.measured:
            await asyncio.to_thread(self._events.open_cell, cell(state, measured))
        self._opened[state.name] = state

    async def _thresholds(self, state: HoldoutState | None, wanted: Holdout | None, now: float) -> dict[str, float]:
        metrics = tuple(o.metric for o in unlearnt(state, wanted)) if wanted else ()
        if wanted is None or not metrics or now - self._learnt_at.get(wanted.name, 0.0) < LEARN:
            return {}
        self._learnt_at[wanted.name] = now
        found = await self._learnt(metrics, now - HISTORY)
        return {metric.name: threshold(metric, found) for metric in metrics}

    async def _learnt(self, metrics: tuple[Metric, ...], since: float) -> list[LearningEvidence]:
        """What everybody's version did, of all services."""
        found: list[LearningEvidence] = []
        for live in self._publisher.current.services:
            found += await asyncio.to_thread(self._events.learning, live.service.name, live.baseline, metrics, since)
        return found

    async def views(self) -> tuple[HoldoutView, ...]:
        """Those that hold before those that ended, the latest first."""
        return tuple([await self._view(state) for state in ordered(self._states.holdouts())])

    async def view(self, name: str) -> HoldoutView:
        """Raises NotFound, naming the holdouts there are."""
        states = self._states.holdouts()
        for state in states:
            if state.name == name:
                return await self._view(state)
        known = ", ".join(s.name for s in states)
        raise NotFound(f"there is no holdout {name!r}" + (f"; there are: {known}" if known else ""))

    async def _view(self, state: HoldoutState) -> HoldoutView:
        wanted = next((h for h in self._states.settings().holdouts if h.name == state.name), None)
        return await asyncio.to_thread(self._read, state, wanted)

    def _read(self, state: HoldoutState, wanted: Holdout | None) -> HoldoutView:
        read = [m for m in state.measured if not m.until]
        keys = {m.number: cell(state, m).key for m in read}
        evidence = {n: found[0] for n, key in keys.items() if (found := self._events.evidence(*key))}
        longest = min(read, key=lambda m: (m.since, m.number), default=None)
        health = self._events.health(*keys[longest.number]) if longest else HealthEvidence()
        return view(state, wanted, evidence, health, self._clock())


def ordered(states: Iterable[HoldoutState]) -> list[HoldoutState]:
    return sorted(states, key=lambda s: (bool(s.until), -s.since, s.name))
