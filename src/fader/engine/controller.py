"""The loop: once a second load, observe, decide, save, act. All judgement is in `decide`; nothing is judged here."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import structlog

from fader.clock import Clock
from fader.engine.changes import Changes
from fader.engine.fleet import Fleet
from fader.engine.holdouts import Holdouts
from fader.engine.observe import Observer
from fader.engine.publish import Publisher
from fader.engine.strata import Strata
from fader.errors import Conflict
from fader.model.decision import Decision, Step
from fader.model.evidence import Evidence
from fader.model.state import ACTIVE
from fader.ports.events import EventStore, Exposure
from fader.ports.states import Entry, StateStore
from fader.rollout.decide import decide
from fader.rollout.points import points

TICK = 1.0
#: Chart points are kept every other second: smooth enough to watch, small enough to keep.
POINT = 2.0

log = structlog.get_logger("fader.controller")


@dataclass(slots=True)
class Seen:
    """What the last tick saw of a rollout: for the views, never for deciding."""

    decision: Decision
    evidence: Evidence | None = None
    exposure: Exposure = field(default_factory=Exposure)
    point_at: float = 0.0


class Controller:
    def __init__(
        self, states: StateStore, events: EventStore, fleet: Fleet, publisher: Publisher, changes: Changes, clock: Clock
    ) -> None:
        self._states, self._events, self._publisher = states, events, publisher
        self._changes, self._clock = changes, clock
        self._strata = Strata(states, events, fleet, clock)
        self._observer = Observer(states, events, fleet, self._strata, publisher)
        self.holdouts = Holdouts(states, events, publisher, clock)
        self._ended: set[tuple[str, int, int]] = set()
        self.seen: dict[str, Seen] = {}
        #: Why the last tick failed, "" after one that went through: a store that cannot be read holds everything.
        self.failing = ""

    async def run(self) -> None:
        """Tick until cancelled. A tick that fails is said out loud and tried again; it never decides anything."""
        while True:
            began = self._clock()
            try:
                await self.tick()
                self.failing = ""
            except Exception as e:
                self.failing = f"{type(e).__name__}: {e}"
                log.exception("tick failed; every rollout holds")
            await asyncio.sleep(max(0.05, TICK - (self._clock() - began)))

    async def tick(self) -> None:
        await asyncio.to_thread(self._events.load)
        version = self._publisher.publish().version
        sampled = {s.name: s.sample < 1_000_000 for s in self._states.services()}
        for entry in self._states.entries():
            if entry.state.phase in ACTIVE:
                await self._strata.follow(entry, version)
                await self._judge(entry, version, sampled=sampled.get(entry.spec.service, False))
            else:
                await self._settle(entry, version)
        await self.holdouts.follow()

    async def _judge(self, entry: Entry, version: int, *, sampled: bool) -> None:
        evidence = await self._observer.observe(entry, version, self._clock(), sampled=sampled)
        decision = decide(entry.spec, entry.state, evidence, evidence.at)
        if decision.event:
            step = Step(
                seq=decision.state.revision,
                rollout=entry.spec.name,
                at=evidence.at,
                spec=entry.spec,
                before=entry.state,
                after=decision.state,
                event=decision.event,
                reason=decision.reason,
                evidence=evidence,
                judgements=decision.judgements,
                readings=decision.readings,
                signals=decision.signals,
            )
            try:
                self._states.save(step)
            except Conflict:
                return  # a person was quicker; the next tick looks at what they made of it
            await self.act(self._states.entry(entry.spec.name))
            log.info("step", rollout=entry.spec.name, decision=decision.event, reason=decision.reason)
        exposure = await asyncio.to_thread(self._events.exposure, entry.spec.name, entry.state.attempt)
        last = self.seen.get(entry.spec.name)
        point_at = last.point_at if last else 0.0
        if evidence.at - point_at >= POINT or decision.event:
            self._states.put_points(entry.spec.name, points(entry.spec, entry.state, evidence))
            point_at = evidence.at
        self.seen[entry.spec.name] = Seen(decision, evidence, exposure, point_at)
        self._changes.tell(entry.spec.name, figures=True)

    async def _settle(self, entry: Entry, version: int) -> None:
        """An ended rollout: close its last stage, and count once more what the late lines bring."""
        state = entry.state
        key = (state.rollout, state.attempt, state.revision)
        if key in self._ended:
            return
        await self._strata.follow(entry, version)
        exposure = await asyncio.to_thread(self._events.exposure, state.rollout, state.attempt)
        last = self.seen.get(state.rollout)
        if last is None or last.exposure != exposure or last.decision.state != state:
            found = last.decision if last else Decision(state)
            shown = Decision(state, judgements=found.judgements, readings=found.readings, signals=found.signals)
            self.seen[state.rollout] = Seen(shown, exposure=exposure)
            self._changes.tell(state.rollout, figures=True)
        if self._clock() - state.ended_at > 30.0:
            self._ended.add(key)

    async def act(self, entry: Entry) -> None:
        """Make the world like the state: the ruleset out at once, the strata in line. Idempotent."""
        version = self._publisher.publish().version
        await self._strata.follow(entry, version)
        self._changes.tell(entry.spec.name)
