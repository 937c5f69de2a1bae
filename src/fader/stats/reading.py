"""The effect on an outcome, for people: an estimate with the intervals in which it lies.

[low, high] is a confidence sequence: the normal mixture's band on the information clock, which holds at every look;
of three mixtures together, tuned for the smallest effect of interest and for larger ones, which show sooner.
The fixed-sample interval is narrower and holds once, at the planned end; their alphas add up (union bound), so both
may be shown. Variances are those of the clustered difference (delta method) after CUPED, the larger of each arm's own
and the pooled one: alone, the own one promises too much where the candidate's arm is small and the values are skewed.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np

from fader.model.evidence import MetricEvidence
from fader.model.rollout import Outcome
from fader.model.summary import ArmSummary, Histogram
from fader.model.verdict import Reading
from fader.stats.arms import Arms
from fader.stats.batch import usable
from fader.stats.clustered import difference, own_variance
from fader.stats.cuped import adjusted
from fader.stats.histogram import quantile
from fader.stats.method import WIDE, method
from fader.stats.normal_mixture import half_width, half_width_mean, tune

#: Effect for which the sequence is tuned where no smallest one of interest is given, as a share of the value.
USUAL = 0.05
#: Effects for which the sequences are tuned, as multiples of the smallest one of interest.
LARGER = (1.0, 4.0, 16.0)

Interval = tuple[float, float]


def read(
    outcome: Outcome,
    evidence: MetricEvidence,
    *,
    candidate: str,
    alpha: float = 0.01,
    fixed_alpha: float = 0.04,
    fixed: bool = False,
) -> tuple[Reading, ...]:
    """One reading for the arm `candidate` and one for each of `evidence.others`, against the baseline.

    With k arms, both alphas are divided by k. `fixed`: the planned end has come, so the fixed-sample interval is
    read too, and the relative interval is the fixed one. Better, worse: an interval lies on one side of 0. Same: not
    so, and within the smallest effect of interest. The values are as measured, the effect is after CUPED. Of a
    quantile, the values are those of the histograms and the effect is that on the share of requests above the learnt
    quantile; it has no relative effect, and *same* is never said of it.
    """
    arms = ((candidate, evidence.candidate), *evidence.others)
    alpha, fixed_alpha = alpha / len(arms), fixed_alpha / len(arms) if fixed else 0.0
    found = []
    for arm, summary in arms:
        values = evidence.candidate_values if summary is evidence.candidate else Histogram()
        reading = None
        # Sums as large or as small as the machine's numbers end as no number, which is unknown, not an error.
        with np.errstate(all="ignore"):
            seen = None if evidence.missing else _see(outcome, summary, evidence.baseline)
            if seen is not None:
                reading = _reading(outcome, arm, seen, (values, evidence.baseline_values), alpha, fixed_alpha)
        if reading is None or not (isfinite(reading.low) and isfinite(reading.high)):
            why = evidence.missing or f"no difference of {outcome.metric.name} can be estimated yet"
            reading = Reading(outcome.metric.name, arm, "unknown", missing=why)
        found.append(reading)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Seen:
    """A difference that can be estimated. `candidate`, `baseline`: the values after CUPED, with the variances `v`;
    `raw`: as measured. `rate`: of both arms together. `kept`: the share of the variance that CUPED left over."""

    candidate: float
    baseline: float
    v: tuple[float, float]
    raw: tuple[float, float]
    rate: float
    kept: float
    units: tuple[int, int]

    @property
    def effect(self) -> float:
        return self.candidate - self.baseline

    @property
    def variance(self) -> float:
        return self.v[0] + self.v[1]


def _see(outcome: Outcome, candidate: ArmSummary, baseline: ArmSummary) -> Seen | None:
    """None where there is nothing to estimate a difference from: an empty arm, no spread, impossible sums."""
    both = Arms.of((candidate, baseline))
    values = method(outcome.metric).values
    if not usable(both, np.array(values == "signed"), np.array(values == "share")).all():
        return None
    c, b, kept = adjusted(both.take(0), both.take(1))
    d = difference(c, b)
    own = float(own_variance(c)), float(own_variance(b))
    widened = max(1.0, float(d.pooled) / sum(own)) if sum(own) > 0 else 0.0
    seen = Seen(
        float(d.candidate),
        float(d.baseline),
        (own[0] * widened, own[1] * widened),
        (candidate.events / candidate.requests, baseline.events / baseline.requests) if d.known else (0.0, 0.0),
        float(d.rate),
        float(kept),
        (candidate.units, baseline.units),
    )
    sound = d.known and seen.variance > 0 and isfinite(seen.variance) and isfinite(seen.effect)
    return seen if sound else None


def _reading(
    outcome: Outcome, arm: str, seen: Seen, values: tuple[Histogram, Histogram], alpha: float, fixed_alpha: float
) -> Reading:
    metric, quantiles = outcome.metric, outcome.metric.kind == "quantile"
    sd = sqrt(seen.variance)
    z = half_width_mean(seen.variance, _taus(outcome, seen, alpha), alpha) / sd
    intervals = [(seen.effect - z * sd, seen.effect + z * sd)]
    if fixed_alpha:
        z = NormalDist().inv_cdf(1 - fixed_alpha / 2)
        intervals.append((seen.effect - z * sd, seen.effect + z * sd))
    shown = seen.raw
    if quantiles:
        shown = quantile(values[0], metric.q) or 0.0, quantile(values[1], metric.q) or 0.0
    relative = None if quantiles else fieller(seen.candidate, seen.baseline, seen.v, z)
    return Reading(
        metric.name,
        arm,
        _verdict(outcome, intervals, seen),
        shown[0],
        shown[1],
        seen.effect,
        *intervals[0],
        alpha,
        intervals[1][0] if fixed_alpha else None,
        intervals[1][1] if fixed_alpha else None,
        fixed_alpha,
        seen.candidate / seen.baseline - 1 if relative else None,
        relative[0] if relative else None,
        relative[1] if relative else None,
        seen.kept,
        *seen.units,
    )


def smallest(outcome: Outcome, baseline: float) -> float:
    """The smallest absolute effect of interest on an outcome whose value on the baseline is `baseline`."""
    margin = outcome.smallest or outcome.tolerate
    return margin.value if margin.kind == "absolute" else margin.value * abs(baseline)


def _taus(outcome: Outcome, seen: Seen, alpha: float) -> tuple[float, ...]:
    """Each band is tightest at the information that just shows its effect.

    Effects are of the value of both arms together, which says nothing about their difference.
    """
    if outcome.metric.kind == "quantile":
        return tuple(times * (1 - outcome.metric.q) for times in WIDE)
    effect = smallest(outcome, seen.rate) or USUAL * abs(seen.rate) or sqrt(seen.variance)
    tau = float(tune(1.0, alpha))
    return tuple(times * effect * tau / float(half_width(1.0, tau, alpha)) for times in LARGER)


def fieller(candidate: float, baseline: float, v: tuple[float, float], z: float) -> Interval | None:
    """All relative effects r for which candidate - (1 + r) baseline is within z standard errors of 0.

    Source: Fieller 1954, for independent arms with variances `v`. None where the baseline may be 0 or negative.
    """
    a = baseline**2 - z * z * v[1]
    if baseline <= 0 or a <= 0:
        return None
    root = sqrt(max(0.0, (candidate * baseline) ** 2 - a * (candidate**2 - z * z * v[0])))
    return (candidate * baseline - root) / a - 1, (candidate * baseline + root) / a - 1


def _verdict(
    outcome: Outcome, intervals: list[Interval], seen: Seen
) -> Literal["better", "worse", "same", "undecided", "unknown"]:
    up = any(low > 0 for low, _ in intervals)
    down = any(high < 0 for _, high in intervals)
    if up or down:
        return "better" if up is (outcome.metric.better == "higher") else "worse"
    limit = smallest(outcome, seen.baseline)
    inside = any(-limit < low and high < limit for low, high in intervals)
    return "same" if inside and outcome.metric.kind != "quantile" else "undecided"
