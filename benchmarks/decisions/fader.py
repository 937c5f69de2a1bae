"""fader's own loop: the evidence as the event store would sum it, the decision by `decide`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Literal

import numpy as np

from fader.model.decision import Command, Decision
from fader.model.evidence import Evidence, GatewayEvidence, LearningEvidence, MetricEvidence
from fader.model.metric import Comparison, Direction, Margin, Metric
from fader.model.rollout import Budget, Guardrail, Profile, RolloutSpec, Stage
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.model.summary import GAMMA, Histogram
from fader.ports.events import CellMetric
from fader.rollout.command import obey
from fader.rollout.decide import decide
from fader.rollout.plan import cell

from .replay import Step
from .stream import Flags, Requests, Stream, log_bins
from .tally import Tally

START = 1_700_000_000.0
#: Errors of a unit that count in a stage, as in the event store; slow requests are not capped.
CAP = 5.0


@dataclass(frozen=True)
class Watched:
    """A guardrail, and which requests count for it where it is a proportion."""

    guardrail: Guardrail
    counts: Callable[[Requests], Flags] | None = None

    @property
    def metric(self) -> Metric:
        return self.guardrail.metric


def proportion(name: str, counts: Callable[[Requests], Flags], tolerate: Margin, better: Direction) -> Watched:
    metric = Metric(name, "proportion", better, where=(Comparison("status", ">=", 500.0),))
    return Watched(Guardrail(metric, tolerate), counts)


def quantile(name: str, q: float, tolerate: Margin) -> Watched:
    return Watched(Guardrail(Metric(name, "quantile", value="duration_ms", q=q), tolerate))


def errors(tolerate: float = 0.002) -> Watched:
    return proportion("errors", lambda r: r.failed, Margin("absolute", tolerate), "lower")


#: The two guardrails and the ramp that fader's README begins with.
USUAL = (errors(), quantile("latency", 0.95, Margin("relative", 0.1)))
SHARES = (0.05, 0.10, 0.25, 0.50)
BAKE = 600.0
#: Seconds of a stage in which it is looked at every minute.
YOUNG = 1800.0


def spec_of(
    watched: tuple[Watched, ...],
    shares: tuple[float, ...] = SHARES,
    bake: float = BAKE,
    profile: Profile = "balanced",
    budget: Budget | None = None,
) -> RolloutSpec:
    """`budget`: an adaptive ramp instead of the shares."""
    return RolloutSpec(
        name="new-web",
        service="web",
        baseline="old",
        candidate="new",
        stages=() if budget else tuple(Stage(round(s * WHOLE), bake) for s in (*shares, 1.0)),
        guardrails=tuple(w.guardrail for w in watched),
        profile=profile,
        budget=budget,
    )


class Fader:
    """A rollout of the stream's service by the real `decide`.

    fader looks once a second. Here it looks once a minute at first and every 5 minutes in a stage that is older than
    half an hour, which costs it little of what it finds, and the simulation much less.
    """

    split: Literal["user", "request"] = "user"

    def __init__(self, stream: Stream, spec: RolloutSpec, watched: tuple[Watched, ...] = USUAL) -> None:
        self.stream, self.spec, self.watched = stream, spec, watched
        self.now = START
        self.state = obey(spec, RolloutState(spec.name), Command("start"), START).state
        self.last: Decision | None = None
        self._decide(START, self._learning())
        assert self.state.stage == 0, self.last.waits if self.last else ""

    @property
    def share(self) -> float:
        return self.state.share / WHOLE

    @property
    def every(self) -> int:
        return 1 if self.now < self.state.stage_since + YOUNG else 5

    @property
    def epoch(self) -> int:
        return self.state.stage

    def look(self, minute: float, seen: Requests) -> Step:
        now = self.now = START + 60.0 * minute
        before, stage = self.state.phase, self.state.stage
        if before is not Phase.RAMPING:
            return "on"
        self._count(seen.where(seen.epoch == stage))
        self._decide(now, Evidence(now, stage, self._metrics(), gateway=self._gateway(now), wanted_version=1))
        if self.state.phase is Phase.ROLLED_BACK:
            return "stop"
        return "done" if self.state.phase is Phase.COMPLETED else "on"

    def _decide(self, now: float, evidence: Evidence) -> None:
        stage = self.state.stage
        self.last = decide(self.spec, self.state, evidence, now)
        self.state = self.last.state
        if self.state.phase in ACTIVE and self.state.stage != stage:
            self._open()

    def _gateway(self, now: float) -> GatewayEvidence:
        return GatewayEvidence(now, 1, now)

    def _learning(self) -> Evidence:
        history = self.stream.history
        units = len(np.unique(history.user))
        values = _histogram(np.bincount(log_bins(history.ms, GAMMA)))
        found = tuple(
            LearningEvidence(w.metric.name, len(history), units, float(w.counts(history).sum()))
            if w.counts
            else LearningEvidence(w.metric.name, len(history), units, 0.0, values)
            for w in self.watched
        )
        came = len(np.unique(history.user[history.minute > -BAKE / 60]))
        return Evidence(START, -1, learning=found, gateway=self._gateway(START), wanted_version=1, arriving=came)

    def _open(self) -> None:
        """The sums of a new stage: empty, with the arms that its share makes."""
        on = self.stream.place < self.share
        self.frozen: tuple[CellMetric, ...] = cell(self.spec, self.state, self.state.stage_since).metrics
        self.tallies = [Tally(on, CAP if w.counts else inf) for w in self.watched]
        self.bins = np.zeros((2, 400), np.int64)

    def _count(self, seen: Requests) -> None:
        if not len(seen):
            return
        who = np.unique(seen.user, return_inverse=True)
        none = np.zeros(len(seen), bool)
        for watched, tally, frozen in zip(self.watched, self.tallies, self.frozen, strict=True):
            if watched.counts:
                tally.add(who, watched.counts(seen), none)
            else:
                tally.add(who, seen.ms > frozen.threshold, seen.ms > frozen.margin_threshold)
        if any(w.counts is None for w in self.watched):
            bins = log_bins(seen.ms, GAMMA)
            self.bins[0] += np.bincount(bins[seen.candidate], minlength=400)
            self.bins[1] += np.bincount(bins[~seen.candidate], minlength=400)

    def _metrics(self) -> tuple[MetricEvidence, ...]:
        values = _histogram(self.bins[0]), _histogram(self.bins[1])
        found = []
        for watched, tally in zip(self.watched, self.tallies, strict=True):
            candidate, baseline = (Histogram(), Histogram()) if watched.counts else values
            found.append(MetricEvidence(watched.metric.name, *tally.arms(), candidate, baseline))
        return tuple(found)


def _histogram(counts: np.ndarray) -> Histogram:
    bins = np.flatnonzero(counts)
    return Histogram(tuple(bins.tolist()), tuple(counts[bins].tolist()))
