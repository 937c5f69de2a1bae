"""Is the candidate proven to stay below the margin? E-values against "it reaches the margin or exceeds it".

`side` is 1 where lower is better and -1 where higher is; all functions take one comparison or many at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from fader.model.metric import Direction
from fader.model.summary import ArmSummary
from fader.stats.arms import Arm, Arms, Flags, Floats, Number, Rows, floats, per
from fader.stats.clustered import Difference, design_effect, difference, own_variance, pooled_variance, residuals
from fader.stats.grid import theta
from fader.stats.method import WIDE, Method
from fader.stats.normal_mixture import log_e_norm1_mean

#: Above this share of baseline units with an event, "has one at all" says too little about how many.
RARE = 0.10
#: A fall by more than this would leave nothing to compare with.
DEEPEST = 0.9
#: Where nothing is known of a mean's law, its spread at the margin may be this many times that of the baseline.
STEEPEST = 10.0


@dataclass(frozen=True, slots=True)
class Law:
    """The variance of one request's events at rate p, at least: linear p - quadratic p^2 (binomial 1, 1; Poisson
    1, 0; unknown 0, 0). `own_cap`: see Method."""

    linear: Floats
    quadratic: Floats
    own_cap: Flags

    @classmethod
    def of(cls, methods: Sequence[Method]) -> Law:
        laws = [m.law for m in methods]
        return cls(
            floats([law != "none" for law in laws]),
            floats([law == "binomial" for law in laws]),
            np.array([m.own_cap for m in methods], bool),
        )

    def take(self, which: Rows) -> Law:
        return Law(self.linear[which], self.quadratic[which], self.own_cap[which])

    def spread(self, rate: ArrayLike) -> Floats:
        p = floats(rate)
        return np.maximum(0.0, self.linear * p - self.quadratic * p * p)

    def most(self, rate: Floats, edge: Floats) -> Floats:
        """The largest spread between the baseline's rate and the margin.

        Not just that at the margin: one out of reach (above 1, or below 0) must not make the variance vanish.
        """
        ends = np.maximum(self.spread(rate), self.spread(edge))
        hump = (self.quadratic > 0) & (np.minimum(rate, edge) <= 0.5) & (np.maximum(rate, edge) >= 0.5)
        return np.where(hump, 0.25, ends)


@dataclass(frozen=True, slots=True)
class Proof:
    """What speaks for *safe*, so that it can be asked what `factor` times as much of the same would say.

    Where `exact`, `ratio` is a log likelihood ratio, which grows with the number of units. Elsewhere the normal
    mixture of `worse` (how much worse the candidate is) with variance `v` against the margin `null`; no evidence
    while v is 0.
    """

    worse: Floats
    v: Floats
    taus: Floats
    null: Floats
    ratio: Floats
    exact: Flags

    def log_e(self, factor: ArrayLike = 1.0) -> Floats:
        known = self.v > 0
        taus = np.where(known[..., None], self.taus, 1.0)
        v = np.where(known, self.v, 1.0) / floats(factor)
        normal = np.where(known, log_e_norm1_mean(-self.worse, v, taus, -self.null), 0.0)
        return np.where(self.exact, self.ratio * floats(factor), normal)[()]

    def take(self, which: Rows) -> Proof:
        return Proof(*(getattr(self, name)[which] for name in ("worse", "v", "taus", "null", "ratio", "exact")))

    def spread(self) -> Proof:
        """With one more axis, for asking each row for several factors at once."""
        return Proof(
            self.worse[:, None],
            self.v[:, None],
            self.taus[:, None, :],
            self.null[:, None],
            self.ratio[:, None],
            self.exact[:, None],
        )


def _normal(worse: Floats, v: Floats, taus: Floats, null: Floats) -> Proof:
    return Proof(worse, v, taus, null, np.zeros_like(v), np.zeros(v.shape, bool))


def absolute(
    d: Difference,
    candidate: Arm,
    baseline: Arm,
    margin: ArrayLike,
    side: ArrayLike,
    law: Law,
    left: Number = 1.0,
    cap: Number = 0.0,
) -> Proof:
    """Against "the candidate is worse by `margin` (> 0, in the metric's own unit) or more".

    `E_norm1(-d, v, tau = margin/2, null = -margin)` with v the larger of the pooled variance and the variance that
    there would be at the margin; where the law is known, the latter is never 0, so a service without any error is
    proven safe too. `d`: the difference of the two arms. `left`: the share of the variance that CUPED, which has
    changed the arms, left over.
    """
    towards = floats(side)
    limit = np.where(law.quadratic > 0, np.minimum(floats(margin), 1.0), floats(margin))
    binds = law.own_cap & _caps_bind(candidate, baseline)
    uncapped = per(candidate.failures, candidate.requests) - per(baseline.failures, baseline.requests)
    worse = np.where(binds, np.maximum(towards * d.estimate, towards * uncapped), towards * d.estimate)
    edge = np.where(law.quadratic > 0, np.clip(d.baseline + towards * limit, 0.0, 1.0), d.baseline + towards * limit)
    clustering = design_effect(d.squares, law.spread(d.rate) * (candidate.requests + baseline.requests) * left)
    unclustered = per(law.most(d.baseline, edge), candidate.requests) + per(law.spread(d.baseline), baseline.requests)
    growth = np.where(law.linear > 0, 1.0, np.minimum(1 + per(limit, np.abs(d.baseline)), STEEPEST) ** 2)
    v = np.maximum(d.pooled * growth, clustering * left * unclustered)
    v = np.where(d.known, v * np.where(binds, _inflation(candidate, baseline), 1.0), 0.0)
    # Nothing at all has occurred and the law is unknown: a value between 0 and the cap varies by no more than this.
    nothing = (d.squares <= 0) & (floats(cap) > limit) & (law.linear <= 0) & d.known
    v = np.where(nothing, per(limit * (floats(cap) - limit), candidate.requests), v)
    return _normal(worse, v, (limit / 2)[..., None], limit)


def _caps_bind(candidate: Arm, baseline: Arm) -> Flags:
    """Whether units had more events than are summed.

    The cap per unit makes the test of a rise robust, but it also hides a rise among units that are at the cap
    already: to call something safe, the uncapped difference has to agree, with the wider spread that it has.
    """
    return np.asarray((candidate.failures > candidate.events) | (baseline.failures > baseline.events))


def _inflation(candidate: Arm, baseline: Arm) -> Floats:
    true, capped = candidate.failures + baseline.failures, candidate.events + baseline.events
    return np.maximum(1.0, floats(true) / np.maximum(1.0, capped)) ** 2


def relative(
    d: Difference, candidate: Arm, baseline: Arm, pi: ArrayLike, margin: ArrayLike, side: ArrayLike, law: Law
) -> Proof:
    """Against "the candidate's value is at least (1 + margin) times the baseline's" (lower is better).

    While events are rare per unit: the exact likelihood ratio of "risk ratio 1" to the margin on units with an
    event. Else, as nearly everybody has one then, or the law is unknown: the clustered difference from (1 + margin)
    times the baseline.
    """
    towards = floats(side)
    factor = np.where(towards > 0, 1 + floats(margin), 1 - np.minimum(margin, DEEPEST))
    one, edge = theta(pi, 1.0), theta(pi, factor)
    ratio = candidate.first * np.log(one / edge) + baseline.first * np.log((1 - one) / (1 - edge))
    rare = (law.linear > 0) & (floats(baseline.first) <= RARE * floats(baseline.units))
    scaled = _scaled(d, candidate, baseline, factor, towards, law)
    return Proof(scaled.worse, scaled.v, scaled.taus, scaled.null, ratio, rare)


def _scaled(d: Difference, candidate: Arm, baseline: Arm, factor: Floats, towards: Floats, law: Law) -> Proof:
    binds = law.own_cap & _caps_bind(candidate, baseline)
    gap = towards * (d.candidate - factor * d.baseline)
    uncapped = towards * (
        per(candidate.failures, candidate.requests) - factor * per(baseline.failures, baseline.requests)
    )
    # At the margin the candidate's variance is larger in about the proportion of its rate, of a mean in its square.
    growth = np.where(law.linear > 0, np.maximum(factor, 1.0), np.maximum(factor, 1.0) ** 2)
    own = own_variance(candidate) * growth + factor**2 * own_variance(baseline)
    v = np.maximum(own, factor * d.pooled) * np.where(binds, _inflation(candidate, baseline), 1.0)
    v = np.where(d.known & (d.baseline > 0), v, 0.0)
    tau = np.abs(factor - 1) * np.maximum(d.baseline, 0.0) / 2
    return _normal(np.where(binds, np.maximum(gap, uncapped), gap), v, tau[..., None], np.zeros_like(v))


def quantile(candidate: Arm, baseline: Arm, base: ArrayLike, side: ArrayLike) -> Proof:
    """Against "the candidate's quantile is at the margin or beyond".

    At the margin, the candidate's share of requests above (1 + delta) x_q equals the baseline's share above x_q.
    `base` is that share as learnt (1 - q); the spread of the bet is averaged over {.1, .5, 2} times it. No gate.
    """
    moved = _moved(candidate)
    d = difference(moved, baseline)
    at_margin = residuals(baseline.yy, baseline.yn, baseline.nn, d.baseline) / np.maximum(baseline.units, 1)
    v = np.maximum(d.pooled, pooled_variance(at_margin * (candidate.units + baseline.units), candidate, baseline))
    v = np.where(d.known, v, 0.0)
    return _normal(floats(side) * d.estimate, v, floats(base)[..., None] * floats(WIDE), np.zeros_like(v))


def _moved(arm: Arm) -> Arm:
    """The arm, with what lies above the margin's threshold for its events."""
    if isinstance(arm, Arms):
        return arm.but(events=arm.over, yy=arm.over_yy, yn=arm.over_yn)
    return ArmSummary(arm.units, arm.requests, arm.over, arm.over_yy, arm.over_yn, arm.nn)


#: The law of a share of requests, for one comparison.
_SHARE = Law(floats(1.0), floats(1.0), np.asarray(True))


def _side(better: Direction) -> float:
    return 1.0 if better == "lower" else -1.0


def log_e_absolute(candidate: Arm, baseline: Arm, margin: ArrayLike, better: Direction = "lower") -> Floats:
    """Log e-value of `absolute` for shares of requests."""
    return absolute(difference(candidate, baseline), candidate, baseline, margin, _side(better), _SHARE).log_e()


def log_e_relative(
    candidate: Arm, baseline: Arm, pi: ArrayLike, margin: ArrayLike, better: Direction = "lower"
) -> Floats:
    """Log e-value of `relative` for shares of requests."""
    return relative(difference(candidate, baseline), candidate, baseline, pi, margin, _side(better), _SHARE).log_e()


def log_e_quantile(candidate: Arm, baseline: Arm, base: ArrayLike, better: Direction = "lower") -> Floats:
    """Log e-value of `quantile`."""
    return quantile(candidate, baseline, base, _side(better)).log_e()
