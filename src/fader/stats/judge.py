"""One guardrail in one stage: summaries in, a judgement out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import isfinite, log

from fader.model.evidence import MetricEvidence
from fader.model.rollout import Guardrail
from fader.model.share import WHOLE
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.model.verdict import Judgement, Verdict
from fader.stats.clustered import Difference, difference
from fader.stats.grid import log_e_grid, log_sum_exp
from fader.stats.histogram import quantile
from fader.stats.noninferiority import log_e_absolute, log_e_quantile, log_e_relative
from fader.stats.normal_mixture import band, log_e_norm1_mean

#: Candidate units with an event before a normal test counts: below, its approximation promises too much.
GATE_PROPORTION = 10
GATE_QUANTILE = 20
#: Where nothing was learnt of a rate (no event at all), the prior is scaled by this share, or by the margin.
SMALLEST_RATE = 0.001
#: Growth of the sample beyond which no forecast is made.
FORECAST = 1e5

#: The log e-value that the candidate is safe, as a function of the two arms.
Safe = Callable[[ArmSummary, ArmSummary], float]


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a judgement is held against: shares in ppm, thresholds as natural logs."""

    share: int
    next_share: int
    harm_threshold: float
    safe_threshold: float

    @property
    def pi(self) -> float:
        return self.share / WHOLE

    def margin(self, guardrail: Guardrail) -> float:
        """`tolerate` is what would be accepted at 100 %; at the next share, only so many are exposed to it."""
        return guardrail.tolerate.value * WHOLE / self.next_share


def judge(guardrail: Guardrail, basis: Basis | None, evidence: MetricEvidence, stakes: Stakes) -> Judgement:
    """`basis` is what was learnt of the metric before the first stage; None makes a quantile unknown.

    Harmful: a rise is proven and the estimate exceeds `tolerate`. Tolerated: proven, but inside it. Safe: proven
    below the margin. Never raises on numbers that cannot be used: they are unknown.
    """
    name = guardrail.metric.name
    if evidence.missing:
        return _unknown(name, stakes, evidence.missing)
    if guardrail.metric.kind == "quantile" and (basis is None or basis.threshold <= 0):
        return _unknown(name, stakes, f"the baseline's {name} was never learnt, so there is nothing to compare with")
    if not (_usable(evidence.candidate) and _usable(evidence.baseline)):
        return _unknown(name, stakes, f"the sums of {name} contradict themselves")
    rate = basis.rate if basis is not None else 0.0
    if guardrail.metric.kind == "quantile":
        return _quantile(guardrail, 1 - guardrail.metric.q, evidence, stakes)
    return _proportion(guardrail, rate, evidence, stakes)


def exceeds(guardrail: Guardrail, judgement: Judgement) -> bool:
    """Whether the estimate, as it stands, is worse than `tolerate` (unscaled)."""
    tolerate, quantiles = guardrail.tolerate, guardrail.metric.kind == "quantile"
    worse, base = judgement.rise, judgement.baseline_rate
    if quantiles:
        worse, base = judgement.candidate_value - judgement.baseline_value, judgement.baseline_value
        if min(judgement.candidate_value, judgement.baseline_value) <= 0:
            return False
    if guardrail.metric.better == "higher":
        worse = -worse
    return worse > (tolerate.value if tolerate.kind == "absolute" else tolerate.value * base)


def _unknown(name: str, stakes: Stakes, why: str) -> Judgement:
    return Judgement(
        name,
        Verdict.UNKNOWN,
        harm_threshold=stakes.harm_threshold,
        safe_threshold=stakes.safe_threshold,
        missing=why,
    )


def _usable(arm: ArmSummary) -> bool:
    numbers = (arm.requests, arm.events, arm.yy, arm.yn, arm.nn, arm.failures, arm.over, arm.over_yy, arm.over_yn)
    return all(isfinite(x) and x >= 0 for x in (*numbers, arm.units, arm.first)) and arm.events <= arm.requests


def _expected(evidence: MetricEvidence, pi: float) -> float:
    """Candidate units with an event if there were no effect: where a fall is the harm, few events are the news."""
    return pi * (evidence.candidate.first + evidence.baseline.first)


def _taus(scale: float) -> tuple[float, float, float]:
    return 0.1 * scale, 0.5 * scale, 2 * scale


def _normal(guardrail: Guardrail, d: Difference | None, scale: float, seen: float, gate: float) -> float:
    """The normal mixture for a rise; log E = 0 (no evidence) until its gate is passed."""
    if d is None or seen < gate or d.pooled <= 0:
        return 0.0
    worse = d.estimate if guardrail.metric.better == "lower" else -d.estimate
    return log_e_norm1_mean(worse, d.pooled, _taus(scale))


def _proportion(guardrail: Guardrail, rate: float, evidence: MetricEvidence, stakes: Stakes) -> Judgement:
    better, tolerate = guardrail.metric.better, guardrail.tolerate
    candidate, baseline = evidence.candidate, evidence.baseline
    scale = rate or (tolerate.value if tolerate.kind == "absolute" else SMALLEST_RATE)
    d = difference(candidate, baseline)
    seen = candidate.first if better == "lower" else _expected(evidence, stakes.pi)
    exact = log_e_grid(candidate.first, baseline.first, stakes.pi, better=better)
    harm = log_sum_exp([exact, _normal(guardrail, d, scale, seen, GATE_PROPORTION)]) - log(2)
    margin = stakes.margin(guardrail)

    def safe(c: ArmSummary, b: ArmSummary) -> float:
        if tolerate.kind == "absolute":
            return log_e_absolute(c, b, margin, better)
        return log_e_relative(c, b, stakes.pi, margin, better)

    found = _found(guardrail, evidence, stakes, (_share(candidate), _share(baseline)), (0.0, 0.0), harm, safe)
    return _with_band(found, d, max(scale, tolerate.value if tolerate.kind == "absolute" else 0.0))


def _quantile(guardrail: Guardrail, base: float, evidence: MetricEvidence, stakes: Stakes) -> Judgement:
    metric, candidate, baseline = guardrail.metric, evidence.candidate, evidence.baseline
    d = difference(candidate, baseline)
    seen = candidate.first if metric.better == "lower" else _expected(evidence, stakes.pi)
    harm = _normal(guardrail, d, base, seen, GATE_QUANTILE)

    def safe(c: ArmSummary, b: ArmSummary) -> float:
        return log_e_quantile(c, b, base, metric.better)

    values = tuple(quantile(h, metric.q) or 0.0 for h in (evidence.candidate_values, evidence.baseline_values))
    shares = tuple(a.events / a.requests if a.requests > 0 else 0.0 for a in (candidate, baseline))
    found = _found(guardrail, evidence, stakes, (shares[0], shares[1]), (values[0], values[1]), harm, safe)
    return _with_band(found, d, base)


def _share(arm: ArmSummary) -> float:
    """The share of requests as people read it: not capped per unit."""
    return min(1.0, max(arm.failures, arm.events) / arm.requests) if arm.requests > 0 else 0.0


def _found(
    guardrail: Guardrail,
    evidence: MetricEvidence,
    stakes: Stakes,
    shares: tuple[float, float],
    values: tuple[float, float],
    harm: float,
    safe: Safe,
) -> Judgement:
    log_e_safe = safe(evidence.candidate, evidence.baseline)
    found = Judgement(
        guardrail.metric.name,
        Verdict.SAFE if log_e_safe >= stakes.safe_threshold else Verdict.UNDECIDED,
        candidate_rate=shares[0],
        baseline_rate=shares[1],
        rise=shares[0] - shares[1],
        low=-1.0,
        high=1.0,
        log_e_harm=harm,
        harm_threshold=stakes.harm_threshold,
        log_e_safe=log_e_safe,
        safe_threshold=stakes.safe_threshold,
        margin=stakes.margin(guardrail),
        candidate_units=evidence.candidate.units,
        baseline_units=evidence.baseline.units,
        candidate_first=evidence.candidate.first,
        baseline_first=evidence.baseline.first,
        more_units=_forecast(safe, evidence.candidate, evidence.baseline, stakes.safe_threshold),
        candidate_value=values[0],
        baseline_value=values[1],
    )
    if harm < stakes.harm_threshold:
        return found
    return replace(found, verdict=Verdict.HARMFUL if exceeds(guardrail, found) else Verdict.TOLERATED)


def _with_band(found: Judgement, d: Difference | None, scale: float) -> Judgement:
    """The confidence sequence of the rise; shares differ by at most 1."""
    if d is None:
        return found
    low, high = band(found.rise, max(d.own, d.pooled), scale)
    return replace(found, low=max(-1.0, low), high=min(1.0, high))


def _grown(arm: ArmSummary, factor: float) -> ArmSummary:
    """The same shares from `factor` times as many units."""
    return ArmSummary(
        round(arm.units * factor),
        arm.requests * factor,
        arm.events * factor,
        arm.yy * factor,
        arm.yn * factor,
        arm.nn * factor,
        round(arm.first * factor),
        arm.failures * factor,
        arm.over * factor,
        arm.over_yy * factor,
        arm.over_yn * factor,
    )


def _forecast(safe: Safe, candidate: ArmSummary, baseline: ArmSummary, target: float) -> int | None:
    """How many more candidate units until `safe` reaches the target if the shares stay as they are.

    None where they stay short of it however many come, or nobody came yet.
    """
    if candidate.units == 0 or baseline.units == 0:
        return None

    def reached(factor: float) -> bool:
        return safe(_grown(candidate, factor), _grown(baseline, factor)) >= target

    if reached(1.0):
        return 0
    low, high = 1.0, 2.0
    while not reached(high):
        low, high = high, high * 4
        if high > FORECAST:
            return None
    for _ in range(8):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if reached(middle) else (middle, high)
    return max(1, round(candidate.units * (high - 1)))
