"""Cases as columns: what the tests of many guardrails and stages need, one array each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from fader.stats.arms import Arms, Flags, Floats, columns, floats, per
from fader.stats.case import Case
from fader.stats.method import NARROW, QUANTILE, Method, method
from fader.stats.noninferiority import RARE, Law

#: Where nothing was learnt of a rate (no event at all), the prior is scaled by this share, or by the margin.
SMALLEST_RATE = 0.001


@dataclass(frozen=True, slots=True)
class Batch:
    """`side` is 1 where lower is better, else -1. `pi`: the share of units with an event that are the candidate's
    if there is no effect. `scale` times `spreads` are the prior spreads of the normal tests. `exact`, `normal`: which
    tests are used. `shares`: the value lies between 0 and 1. `usable`: the sums do not contradict themselves.
    """

    candidate: Arms
    baseline: Arms
    side: Floats
    pi: Floats
    absolute: Flags
    tolerate: Floats
    margin: Floats
    scale: Floats
    spreads: Floats
    law: Law
    cap: Floats
    events_gate: Floats
    units_gate: Floats
    exact: Flags
    normal: Flags
    begun_anew: Flags
    harm_threshold: Floats
    safe_threshold: Floats
    shares: Flags
    quantiles: Flags
    usable: Flags

    @classmethod
    def of(cls, cases: Sequence[Case]) -> Batch:
        candidate, baseline = _arms(cases, "candidate"), _arms(cases, "baseline")
        numbers = columns(map(_numbers, cases), 9)
        side, absolute, tolerate, pi, margin, learnt, cap, harm_threshold, safe_threshold = numbers
        asked = [method(c.guardrail.metric) for c in cases]
        methods = list(dict.fromkeys(asked))
        place = {m: i for i, m in enumerate(methods)}
        of = np.array([place[m] for m in asked], np.intp)

        def flags(has: Callable[[Method], bool]) -> Flags:
            return np.array([has(m) for m in methods], bool)[of]

        shares = flags(lambda m: m.values == "share")
        signed = flags(lambda m: m.values == "signed")
        together = per(candidate.events + baseline.events, candidate.requests + baseline.requests)
        rate = np.where(np.isnan(learnt), together, learnt)
        exact = flags(lambda m: m.exact == "always")
        exact |= flags(lambda m: m.exact == "rare") & (side > 0) & (rate <= RARE)
        common = flags(lambda m: m.spreads is NARROW)
        return cls(
            candidate=candidate,
            baseline=baseline,
            side=side,
            pi=pi,
            absolute=absolute > 0,
            tolerate=tolerate,
            margin=margin,
            scale=_scale(learnt, np.where(common, np.abs(together), 0.0), absolute > 0, tolerate),
            spreads=floats([m.spreads for m in methods])[of],
            law=Law.of(methods).take(of),
            cap=cap,
            events_gate=floats([m.events_gate for m in methods])[of],
            units_gate=floats([m.units_gate for m in methods])[of],
            exact=exact,
            normal=flags(lambda m: m.normal == "always") | ~exact,
            begun_anew=flags(lambda m: m.restarts),
            harm_threshold=harm_threshold,
            safe_threshold=safe_threshold,
            shares=shares,
            quantiles=flags(lambda m: m is QUANTILE),
            usable=usable(candidate, signed, shares) & usable(baseline, signed, shares),
        )

    @property
    def seen(self) -> Floats:
        """Candidate units with an event; where a fall is the harm, those that there would be without an effect: few
        events are the news then."""
        expected = self.pi * (self.candidate.first + self.baseline.first)
        return np.where(self.side > 0, self.candidate.first, expected)

    @property
    def short(self) -> Floats:
        """How many times as many candidate units the normal tests' gates ask for; at most 1 when they are open."""
        gates = (self.events_gate, self.seen), (self.units_gate, self.candidate.units)
        return np.maximum(*(np.where(has > 0, per(gate, has), np.where(gate > 0, np.inf, 0.0)) for gate, has in gates))


def _numbers(case: Case) -> tuple[float, ...]:
    metric, tolerate, stakes = case.guardrail.metric, case.guardrail.tolerate, case.stakes
    return (
        1.0 if metric.better == "lower" else -1.0,
        tolerate.kind == "absolute",
        tolerate.value,
        stakes.pi,
        stakes.margin(case.guardrail),
        _learnt(case),
        metric.cap,
        stakes.harm_threshold,
        stakes.safe_threshold,
    )


def _learnt(case: Case) -> float:
    """The baseline's value before the first stage: the scale of what is to be expected; no number if unknown."""
    metric = case.guardrail.metric
    if metric.kind == "quantile":
        return 1 - metric.q
    return case.basis.rate if case.basis is not None else np.nan


def usable(arms: Arms, signed: Flags, shares: Flags) -> Flags:
    """Whether the sums of each row are finite and do not contradict themselves."""
    counted = [arms.units, arms.requests, arms.yy, arms.nn, arms.first, arms.over, arms.over_yy, arms.over_yn, arms.xx]
    finite = np.isfinite(arms.rows()).all(axis=0)
    positive = (np.min(counted, axis=0) >= 0) & (signed | (np.min([arms.events, arms.yn, arms.failures], axis=0) >= 0))
    return np.asarray(finite & positive & (~shares | (arms.events <= arms.requests)))


def _arms(cases: Sequence[Case], name: str) -> Arms:
    return Arms.of(map(attrgetter(f"evidence.{name}"), cases))


def _scale(learnt: Floats, together: Floats, absolute: Flags, tolerate: Floats) -> Floats:
    """The baseline's value as learnt. Without one: that of both arms `together` where it is not 0, as it says nothing
    about their difference; of a share that was 0 throughout, the margin or a small one."""
    known = np.where(np.isnan(learnt), 0.0, np.abs(learnt))
    known = np.where(known == 0, together, known)
    return np.where(known > 0, known, np.where(absolute, tolerate, SMALLEST_RATE))
