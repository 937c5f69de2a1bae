"""What a tick adds to the charts."""

from __future__ import annotations

from fader.model.evidence import Evidence
from fader.model.metric import Metric
from fader.model.rollout import RolloutSpec
from fader.model.state import RolloutState
from fader.model.summary import ArmSummary, Histogram
from fader.model.view import Point
from fader.rollout.plan import basis
from fader.stats.clustered import own_variance
from fader.stats.histogram import quantile, quantile_band
from fader.stats.judge import SMALLEST_RATE
from fader.stats.normal_mixture import band

Banded = tuple[float | None, float | None, float | None]


def points(spec: RolloutSpec, state: RolloutState, evidence: Evidence) -> tuple[Point, ...]:
    """One point per guardrail and outcome of the stage that the evidence is about; () where there is none yet."""
    if evidence.missing or evidence.stage != state.stage or state.stage < 0:
        return ()
    found = []
    for guardrail in spec.watched:
        metric, summary = guardrail.metric, evidence.metric(guardrail.metric.name)
        if summary.missing:
            continue
        learnt = basis(state, metric.name)
        rate = learnt.rate if learnt else 0.0
        candidate = _banded(metric, summary.candidate, summary.candidate_values, rate)
        baseline = _banded(metric, summary.baseline, summary.baseline_values, rate)
        found.append(Point(evidence.at, metric.name, state.stage, state.share, *candidate, *baseline))
    return tuple(found)


def _banded(metric: Metric, arm: ArmSummary, values: Histogram, rate: float) -> Banded:
    """Value, low, high. The band holds for one arm at every look, but is no test of the difference."""
    if arm.requests <= 0:
        return None, None, None
    share = arm.events / arm.requests
    # Before the first event the sums show no spread at all: assume that of one more event.
    floor = (arm.events + 1) / arm.requests**2
    v = max(float(own_variance(arm)), floor if metric.kind == "proportion" else 0.0)
    low, high = map(float, band(share, v, _spread(rate)))
    if metric.kind == "proportion":
        shown = min(1.0, max(arm.failures, arm.events) / arm.requests)
        return shown, max(0.0, min(low, shown)), min(1.0, max(high, shown))
    return quantile(values, metric.q), *quantile_band(values, metric.q, (high - low) / 2)


def _spread(rate: float) -> float:
    return rate or SMALLEST_RATE
