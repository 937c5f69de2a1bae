"""Is the candidate proven to stay below the margin? E-values against "it reaches the margin or exceeds it"."""

from __future__ import annotations

from dataclasses import replace
from math import log

from fader.model.metric import Direction
from fader.model.summary import ArmSummary
from fader.stats.clustered import difference, own_variance, residuals
from fader.stats.grid import theta
from fader.stats.normal_mixture import log_e_norm1, log_e_norm1_mean

#: Above this share of baseline units with an event, "has one at all" says too little about how many.
RARE = 0.10
#: A fall by more than this would leave nothing to compare with.
DEEPEST = 0.9


def log_e_absolute(candidate: ArmSummary, baseline: ArmSummary, margin: float, better: Direction = "lower") -> float:
    """Log e-value against "the candidate's share of requests is worse by `margin` (a share > 0) or more".

    `E_norm1(-d, v, tau = margin/2, null = -margin)` with v the larger of the pooled variance and the variance that
    there would be at the margin; the latter is never 0, so a service without any error is proven safe too.
    0 while an arm has no requests.
    """
    d = difference(candidate, baseline)
    if d is None:
        return 0.0
    rises = [d.estimate]
    if _caps_bind(candidate, baseline):
        rises.append(candidate.failures / candidate.requests - baseline.failures / baseline.requests)
    worse = max(rises) if better == "lower" else max(-rise for rise in rises)
    margin = min(margin, 1.0)
    unclustered = _spread(d.baseline, margin, better) / candidate.requests
    unclustered += d.baseline * (1 - d.baseline) / baseline.requests
    v = max(d.pooled, d.design_effect * unclustered) * _inflation(candidate, baseline)
    return log_e_norm1(-worse, v, margin / 2, null=-margin) if v > 0 else 0.0


def _caps_bind(candidate: ArmSummary, baseline: ArmSummary) -> bool:
    """Whether units had more events than are summed.

    The cap per unit makes the test of a rise robust, but it also hides a rise among units that are at the cap
    already: to call something safe, the uncapped difference has to agree, with the wider spread that it has.
    """
    return candidate.failures > candidate.events or baseline.failures > baseline.events


def _inflation(candidate: ArmSummary, baseline: ArmSummary) -> float:
    both = candidate + baseline
    return max(1.0, both.failures / max(1.0, both.events)) ** 2


def _spread(rate: float, margin: float, better: Direction) -> float:
    """The largest p (1 - p) between the baseline's rate and the margin.

    Not just that at the margin: one out of reach (above 1, or below 0) must not make the variance vanish.
    """
    edge = min(1.0, rate + margin) if better == "lower" else max(0.0, rate - margin)
    if min(rate, edge) <= 0.5 <= max(rate, edge):
        return 0.25
    return max(p * (1 - p) for p in (rate, edge))


def log_e_relative(
    candidate: ArmSummary, baseline: ArmSummary, pi: float, margin: float, better: Direction = "lower"
) -> float:
    """Log e-value against "the candidate's rate is at least (1 + margin) times the baseline's" (lower is better).

    While events are rare per unit: the exact likelihood ratio of "risk ratio 1" to the margin on units with an
    event. Else, as nearly everybody has one then, the clustered difference from (1 + margin) times the baseline.
    """
    if baseline.units == 0 or baseline.first <= RARE * baseline.units:
        r1 = 1 + margin if better == "lower" else 1 - min(margin, DEEPEST)
        one, edge = theta(pi, 1.0), theta(pi, r1)
        return candidate.first * log(one / edge) + baseline.first * log((1 - one) / (1 - edge))
    return _log_e_scaled(candidate, baseline, margin, better)


def _log_e_scaled(candidate: ArmSummary, baseline: ArmSummary, margin: float, better: Direction) -> float:
    d = difference(candidate, baseline)
    if d is None or d.baseline <= 0:
        return 0.0
    factor = 1 + margin if better == "lower" else 1 - min(margin, DEEPEST)
    gaps = [d.candidate - factor * d.baseline]
    if _caps_bind(candidate, baseline):
        gaps.append((candidate.failures / candidate.requests) - factor * baseline.failures / baseline.requests)
    worse = max(gaps) if better == "lower" else max(-gap for gap in gaps)
    # At the margin the candidate's variance is larger in about the proportion of its rate.
    own = own_variance(candidate) * max(factor, 1.0) + factor**2 * own_variance(baseline)
    v = max(own, factor * d.pooled) * _inflation(candidate, baseline)
    return log_e_norm1(-worse, v, abs(factor - 1) * d.baseline / 2) if v > 0 else 0.0


def log_e_quantile(candidate: ArmSummary, baseline: ArmSummary, base: float, better: Direction = "lower") -> float:
    """Log e-value against "the candidate's quantile is at the margin or beyond".

    At the margin, the candidate's share of requests above (1 + delta) x_q equals the baseline's share above x_q.
    `base` is that share as learnt (1 - q); the spread of the bet is averaged over {.1, .5, 2} times it. No gate.
    """
    moved = replace(candidate, events=candidate.over, yy=candidate.over_yy, yn=candidate.over_yn)
    d = difference(moved, baseline)
    if d is None:
        return 0.0
    at_margin = residuals(baseline.yy, baseline.yn, baseline.nn, d.baseline) / baseline.units
    v = max(d.pooled, at_margin * (candidate.units / candidate.requests**2 + baseline.units / baseline.requests**2))
    estimate = d.estimate if better == "lower" else -d.estimate
    return log_e_norm1_mean(-estimate, v, (0.1 * base, 0.5 * base, 2 * base)) if v > 0 else 0.0
