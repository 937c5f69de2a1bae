"""Gathering everything that one decision rests on."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Literal

from fader.engine.fleet import Fleet
from fader.engine.losses import Losses
from fader.engine.meters import externals
from fader.engine.publish import Publisher
from fader.engine.strata import Strata
from fader.model.evidence import Evidence, LearningEvidence, MetricEvidence, NameEvidence
from fader.model.metric import Direction
from fader.model.rollout import RolloutSpec
from fader.model.state import Phase
from fader.ports.events import CellMetric, EventStore
from fader.ports.states import Entry, StateStore, Window
from fader.rollout import explain
from fader.rollout.series import series_evidence
from fader.stats.histogram import quantile

#: How far back the baseline's own past is used to learn from. Seconds.
HISTORY = 86_400.0


class Observer:
    def __init__(
        self, states: StateStore, events: EventStore, fleet: Fleet, strata: Strata, publisher: Publisher
    ) -> None:
        self._states, self._events, self._fleet, self._strata = states, events, fleet, strata
        self._publisher = publisher
        self._losses = Losses(events, fleet)

    async def observe(self, entry: Entry, version: int, now: float, *, sampled: bool) -> Evidence:
        """`version` is the ruleset last published; `sampled` says that not all units of the service are logged."""
        spec, state = entry.spec, entry.state
        gateway = self._fleet.evidence(spec.service, "" if spec.flag else spec.candidate)
        lost = 0 if sampled else await self._losses.lost(spec.service, now)
        if state.phase is Phase.LEARNING or state.stage < 0:
            return Evidence(
                now,
                state.stage,
                learning=await learnt(self._events, spec, now),
                gateway=gateway,
                wanted_version=version,
                lost_requests=lost,
                missing=self._off(spec),
                arriving=await self._arriving(spec, now),
            )
        window = self._strata.window(entry)
        if off := self._off(spec):
            return Evidence(now, state.stage, gateway=gateway, lost_requests=lost, missing=off)
        if window is None or window.since == 0.0:
            return Evidence(
                now,
                state.stage,
                gateway=gateway,
                wanted_version=window.version if window else version,
                lost_requests=lost,
                missing=(
                    "apps are only being told of this share"
                    if spec.flag and window is None
                    else "the gateway has not acknowledged this share yet"
                ),
            )
        key = state.rollout, state.attempt, state.stage
        summaries = self._with_external(spec, window, await asyncio.to_thread(self._events.evidence, *key), now)
        health = await asyncio.to_thread(self._events.health, *key)
        if sampled and not spec.flag:
            weight, weighed = await self._losses.weight(spec.service, now)
            health = replace(health, weight=weight, weighed=weighed)
        names = await asyncio.to_thread(self._events.names, *key)
        return Evidence(
            now,
            state.stage,
            summaries,
            gateway=gateway,
            wanted_version=window.version,
            lost_requests=lost,
            health=health,
            names=directed(spec, names.found),
            names_dropped=names.dropped,
        )

    def _off(self, spec: RolloutSpec) -> str:
        """Why a flag under a rollout assigns nobody, or ""."""
        if not spec.flag:
            return ""
        flag = next((f for f in self._publisher.current.flags if f.name == spec.flag), None)
        if flag is None:
            return f"flag {spec.flag} is no longer in the applied fader.yaml"
        return "" if flag.enabled else explain.switched_off(flag)

    async def _arriving(self, spec: RolloutSpec, now: float) -> int:
        """Users that came within the time of a step, where the first share of an adaptive ramp follows from that."""
        if spec.budget is None or spec.budget.first:
            return 0
        return max((x.units for x in await learnt(self._events, spec, now, spec.budget.bake)), default=0)

    def _with_external(
        self, spec: RolloutSpec, window: Window, summaries: tuple[MetricEvidence, ...], now: float
    ) -> tuple[MetricEvidence, ...]:
        """With what the providers answered in the place of what the event store cannot know."""
        asked = externals(spec)
        if not asked or not summaries:
            return summaries
        known = {s.metric: s for s in self._states.series(window.rollout, window.attempt, window.stage)}
        found = {m.name: series_evidence(m, e, known.get(m.name), window.since, now) for m, e in asked}
        return tuple(found.get(s.metric, s) for s in summaries)


async def learnt(
    events: EventStore, spec: RolloutSpec, now: float, span: float = HISTORY
) -> tuple[LearningEvidence, ...]:
    """What the baseline did in the last `span` seconds, of every metric that the rollout watches and fader measures."""
    metrics = tuple(w.metric for w in spec.watched if w.metric.kind != "external")
    rollout = spec.name if spec.flag else ""
    return await asyncio.to_thread(events.learning, spec.service, spec.baseline, metrics, now - span, rollout)


async def spread(
    events: EventStore, spec: RolloutSpec, found: tuple[LearningEvidence, ...], metric: str, now: float
) -> tuple[LearningEvidence, ...]:
    """The same, with the spread between units of one metric of requests; of a quantile, that of the requests above what
    was learnt as its value."""
    wanted = next((w.metric for w in spec.watched if w.metric.name == metric and w.metric.kind != "external"), None)
    known = next((x for x in found if x.metric == metric), None)
    if wanted is None or known is None or not known.requests or known.summary.units:
        return found
    threshold = quantile(known.values, wanted.q) or 0.0 if wanted.kind == "quantile" else 0.0
    asked = CellMetric(wanted, threshold)
    summary = await asyncio.to_thread(events.spread, spec.service, spec.baseline, asked, now - HISTORY)
    return tuple(replace(x, summary=summary) if x is known else x for x in found)


def directed(spec: RolloutSpec, names: tuple[NameEvidence, ...]) -> tuple[NameEvidence, ...]:
    """With the directions that the file declares; an error is never welcome."""
    declared = dict(spec.directions)

    def better(name: NameEvidence) -> Direction | Literal[""]:
        if name.kind == "fingerprint":
            return "lower"
        return declared.get(name.name, "") if name.kind == "event" else ""

    return tuple(replace(name, better=better(name)) for name in names)
