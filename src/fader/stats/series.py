"""One guardrail that somebody else measures, in one stage: intervals in, a judgement out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import inf, isfinite, sqrt

import numpy as np

from fader.model.series import Block
from fader.model.verdict import Judgement, Verdict
from fader.stats.arms import floats
from fader.stats.case import Case
from fader.stats.forecast import FORECAST
from fader.stats.method import NARROW, WIDE
from fader.stats.noninferiority import DEEPEST, Law
from fader.stats.normal_mixture import band
from fader.stats.paired import FEWEST, INDEPENDENT, Paired, log_e, paired

#: Events of the candidate, or as many as there would be without an effect, before a rise of a counter is told.
EVENTS = 10
#: Stands for an end that nothing bounds (JSON knows no infinity).
UNBOUNDED = 1e300
#: Of shares; a series has no law, and its numbers may be anything.
_BINOMIAL = Law(floats(1.0), floats(1.0), np.asarray(False))


def judged(case: Case) -> Judgement:
    """The verdict is left undecided where harm is proven: `judge` tells harmful from tolerated. Never raises on
    numbers that cannot be used: they are unknown. The units of the judgement are intervals."""
    blocks, stakes, counters = case.evidence.blocks, case.stakes, _counters(case)
    name, intervals = case.guardrail.metric.name, sum(b.length for b in blocks)
    begun = Judgement(
        name,
        Verdict.UNDECIDED,
        harm_threshold=stakes.harm_threshold,
        safe_threshold=stakes.safe_threshold,
        margin=stakes.margin(case.guardrail),
        candidate_units=intervals,
        baseline_units=intervals,
    )
    if len(blocks) < 2:
        return replace(begun, more_units=FEWEST - len(blocks))
    if not usable(blocks, counters=counters):
        return _unknown(begun, f"the numbers of {name} contradict themselves")
    with np.errstate(all="ignore"):
        seen = paired(blocks, counters=counters)
        harm, (safe, factor) = _harm(case, seen, len(blocks)), _safe(case, seen, len(blocks))
        low, high = (float(end) for end in band(seen.estimate, seen.v, _taus(case, seen)[1]))
    if not all(map(isfinite, (harm, safe, seen.estimate, seen.v))):
        return _unknown(begun, f"the numbers of {name} are too large to be compared")
    most = 1.0 if counters else UNBOUNDED
    return replace(
        begun,
        verdict=Verdict.SAFE if safe >= stakes.safe_threshold else Verdict.UNDECIDED,
        candidate_rate=seen.candidate,
        baseline_rate=seen.baseline,
        rise=seen.estimate,
        low=max(low, -most),
        high=min(high, most),
        log_e_harm=harm,
        log_e_safe=safe,
        more_units=None if factor == inf else round(intervals * (factor - 1)),
    )


def _unknown(begun: Judgement, why: str) -> Judgement:
    return replace(begun, verdict=Verdict.UNKNOWN, candidate_units=0, baseline_units=0, margin=0.0, missing=why)


def usable(blocks: tuple[Block, ...], *, counters: bool) -> bool:
    """Whether the numbers of both arms are finite and do not contradict themselves."""
    rows = np.array([(b.candidate, b.candidate_total, b.baseline, b.baseline_total) for b in blocks], np.float64)
    y, n = rows[:, ::2], rows[:, 1::2]
    return bool(np.isfinite(rows).all() and (n > 0).all() and (not counters or ((y >= 0) & (y <= n)).all()))


def _counters(case: Case) -> bool:
    external = case.guardrail.metric.external
    return external is not None and external.counters


def _side(case: Case) -> float:
    return 1.0 if case.guardrail.metric.better == "lower" else -1.0


def _taus(case: Case, seen: Paired) -> tuple[float, ...]:
    """Prior spreads: multiples of the value of both arms together, which says nothing about their difference."""
    level = abs(seen.rate) or sqrt(seen.v * seen.n)
    return tuple(times * (level or 1.0) for times in (WIDE if _counters(case) else NARROW))


def _harm(case: Case, seen: Paired, blocks: int) -> float:
    """Log e-value against "no rise"."""
    expected = seen.rate * sum(b.candidate_total for b in case.evidence.blocks)
    events = sum(b.candidate for b in case.evidence.blocks) if _side(case) > 0 else expected
    if blocks < FEWEST or seen.n < INDEPENDENT or seen.v <= 0 or (_counters(case) and events < EVENTS):
        return 0.0
    return log_e(_side(case) * seen.estimate, seen.v, seen.n, _taus(case, seen))


def _safe(case: Case, seen: Paired, blocks: int) -> tuple[float, float]:
    """Log e-value against "the margin or worse", and the factor by which the series has to grow to be proven safe."""
    side, margin, counters = _side(case), case.stakes.margin(case.guardrail), _counters(case)
    if case.guardrail.tolerate.kind == "absolute":
        null = min(margin, 1.0) if counters else margin
        worse, v, tau = side * seen.estimate, seen.v, null / 2
        if counters:
            # At the margin the events would vary by this; a service without any error is proven safe too.
            edge = floats(min(1.0, max(0.0, seen.baseline + side * null)))
            v = max(v, seen.spread * float(_BINOMIAL.most(floats(seen.baseline), edge)) / seen.weight)
        n = seen.n
    else:
        factor = 1 + margin if side > 0 else 1 - min(margin, DEEPEST)
        scaled = paired(case.evidence.blocks, factor=factor, counters=counters)
        # At the margin the candidate's numbers vary the more, the larger they are.
        growth = max(1.0, factor if counters else factor**2)
        worse, v, null = side * scaled.estimate, max(scaled.v, seen.v) * growth, 0.0
        n, tau = scaled.n, abs(factor - 1) * abs(seen.baseline) / 2
    if v <= 0 or tau <= 0:
        return 0.0, inf
    least = max(1.0, FEWEST / blocks, INDEPENDENT / n)

    def proof(more: float) -> float:
        return log_e(-worse, v / more, n * more, (tau,), -null)

    reached = proof(least)
    return (reached if least <= 1 else 0.0), _growth(proof, case.stakes.safe_threshold, reached, least)


def _growth(proof: Callable[[float], float], target: float, reached: float, least: float) -> float:
    """As `forecast.growth`, for one proof: to 3 %."""
    if reached >= target:
        return least
    high = least
    while proof(high) < target:
        high *= 4
        if high > FORECAST:
            return inf
    low = high / 4
    while high > 1.03 * low:
        middle = sqrt(low * high)
        low, high = (low, middle) if proof(middle) >= target else (middle, high)
    return high
