"""How many units an experiment needs, before it starts.

Source: the two-sample z test (Chow, Shao, Wang 2008, section 3.2): n = (z_{1-alpha/2} + z_power)^2 v / effect^2, where
v / n is the variance of the difference of n units split between the arms by their share. It looks once, at the end.
"""

from __future__ import annotations

from math import ceil, isfinite, sqrt
from statistics import NormalDist

from fader.model.evidence import LearningEvidence
from fader.model.rollout import Experiment, Outcome
from fader.model.share import WHOLE
from fader.model.summary import ArmSummary, Histogram
from fader.model.verdict import Plan
from fader.stats.clustered import residuals
from fader.stats.histogram import quantile
from fader.stats.reading import smallest

DAY = 86_400.0


def plan(
    outcome: Outcome, learning: LearningEvidence, experiment: Experiment, *, alpha: float, units_per_day: float
) -> Plan | None:
    """None where nothing was learnt that a plan could rest on: fewer than two units, no spread, no smallest effect.

    `alpha`: of the fixed-sample interval, two-sided. `units_per_day`: units of all arms together that come anew. With
    further arms, each is compared with the baseline at its part of alpha, and the plan is that of one comparison:
    its `units` are those of two arms.
    """
    mean, spread = learnt(learning.summary)
    effect = smallest(outcome, mean)
    compared = WHOLE - len(experiment.beside) * experiment.share
    alpha, units_per_day = alpha / (1 + len(experiment.beside)), units_per_day * compared / WHOLE
    pi = experiment.share / compared
    if not (isfinite(spread) and isfinite(effect) and spread > 0 and effect > 0 and 0 < pi < 1):
        return None
    units = needed(spread, effect, alpha, experiment.power, pi)
    if not isfinite(units):
        return None
    reach = detectable(spread, units_per_day * experiment.duration / DAY, alpha, experiment.power, pi)
    return Plan(
        outcome.metric.name,
        effect,
        ceil(units),
        experiment.power,
        alpha,
        mean,
        spread,
        units_per_day,
        reach,
    )


def learnt(summary: ArmSummary) -> tuple[float, float]:
    """Mean per unit and standard deviation between units (of a ratio: of its linearised residual); 0 if unknown."""
    if summary.units < 2 or summary.requests <= 0:
        return 0.0, 0.0
    mean = summary.events / summary.requests
    squares = float(residuals(summary.yy, summary.yn, summary.nn, mean))
    return mean, sqrt(squares / (summary.units - 1)) * summary.units / summary.requests


def needed(spread: float, effect: float, alpha: float, power: float, pi: float) -> float:
    """Units of both arms together; `pi` of them are the candidate's. spread and effect > 0, 0 < pi < 1."""
    errors = _quantiles(alpha, power) * spread / effect
    return errors * errors / (pi * (1 - pi))


def detectable(spread: float, units: float, alpha: float, power: float, pi: float) -> float:
    """The smallest effect that so many units show; 0 without any."""
    return _quantiles(alpha, power) * spread / sqrt(pi * (1 - pi) * units) if units > 0 else 0.0


def shift(values: Histogram, q: float, effect: float) -> float | None:
    """By how much of itself a quantile has risen when a share `effect` more lies above it: if all values grow alike,
    what was at q - effect before is there now. None where that is beyond the values."""
    base, risen = quantile(values, q), quantile(values, q - effect) if q > effect else None
    return base / risen - 1 if base and risen else None


def _quantiles(alpha: float, power: float) -> float:
    return NormalDist().inv_cdf(1 - alpha / 2) + NormalDist().inv_cdf(power)
