"""Whom a rollout has reached: asked of the store when more users were exposed, and not too often."""

from __future__ import annotations

import asyncio
from functools import partial

from fader.engine.pace import Pace, timed
from fader.model.reach import Reach, SegmentReach, StageReach
from fader.model.segment import Segment
from fader.model.share import WHOLE
from fader.model.view import RolloutView
from fader.ports.events import EventStore
from fader.ports.states import StateStore

#: Segments that are counted, and the units that one may list to be; the store is not kept busy for longer.
MOST, LARGEST = 20, 100_000
#: The store is asked again at most this often; seconds.
EVERY = 10.0
#: Rollouts whose answer is kept.
KEPT = 100

Known = tuple[int, int, int, tuple[Segment, ...]]


class Reached:
    def __init__(self, states: StateStore, events: EventStore, pace: Pace) -> None:
        self._states, self._events, self._pace = states, events, pace
        self._held: dict[str, tuple[float, Known, Reach]] = {}

    async def of(self, view: RolloutView, now: float) -> Reach:
        segments = self._states.segments()
        known: Known = view.state.attempt, view.state.revision, view.units_exposed, segments
        held = self._held.get(view.name)
        if held and held[1] == known:
            return held[2]
        if held and held[1][:2] == known[:2] and (now - held[0] < EVERY or not self._pace.free(now)):
            return held[2]
        found, cpu = await asyncio.to_thread(timed, partial(self._ask, view, segments))
        self._pace.ran(now, cpu)
        self._held.pop(view.name, None)
        while len(self._held) >= KEPT:
            del self._held[next(iter(self._held))]
        self._held[view.name] = now, known, found
        return found

    def _ask(self, view: RolloutView, segments: tuple[Segment, ...]) -> Reach:
        attempt = view.state.attempt
        windows = self._states.windows(view.name, attempt)
        counted = [s for s in segments if 0 < len(s.units) <= LARGEST][:MOST]
        found = [self._segment(view, s) for s in counted] if view.units_exposed else []
        known = [f for f in found if f is not None]
        told = view.units_exposed and len(known) == len(found)
        uncounted = [s for s in segments if s not in counted] if told else []
        return Reach(
            stages=tuple(self._stage(view.name, attempt, w.stage) for w in windows if w.since),
            segments=tuple(known),
            uncounted=tuple(s.name for s in uncounted),
            many=tuple(s.name for s in uncounted if s.units),
            sampled=any(s.name == view.service and s.sample < WHOLE for s in self._states.services()),
        )

    def _stage(self, rollout: str, attempt: int, stage: int) -> StageReach:
        health = self._events.health(rollout, attempt, stage)
        return StageReach(stage, health.candidate_units, health.baseline_units, health.crossed, health.others)

    def _segment(self, view: RolloutView, segment: Segment) -> SegmentReach | None:
        """None once the store has let the units of the attempt go."""
        exposed = self._events.among(view.name, view.state.attempt, segment.units)
        if exposed is None:
            return None
        return SegmentReach(segment.name, len(segment.units), exposed.units, exposed.harmed, bool(segment.condition))
