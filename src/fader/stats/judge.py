"""One guardrail in one stage: summaries in, a judgement out; or many of them in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from fader.model.evidence import MetricEvidence
from fader.model.rollout import Guardrail
from fader.model.state import Basis
from fader.model.verdict import Judgement, Verdict
from fader.stats.arms import Arms, Floats, per
from fader.stats.batch import SMALLEST_RATE, Batch
from fader.stats.case import Case, Stakes
from fader.stats.clustered import difference
from fader.stats.cuped import adjusted
from fader.stats.forecast import growth
from fader.stats.harm import log_e_exact, log_e_normal, mixed
from fader.stats.histogram import quantile
from fader.stats.noninferiority import Proof, absolute, either, relative
from fader.stats.noninferiority import quantile as beyond
from fader.stats.normal_mixture import band

__all__ = ["SMALLEST_RATE", "UNBOUNDED", "Case", "Stakes", "exceeds", "judge", "judge_all"]

#: Stands for an end of a confidence sequence that neither the data nor the metric bounds (JSON knows no infinity).
UNBOUNDED = 1e300


def judge(guardrail: Guardrail, basis: Basis | None, evidence: MetricEvidence, stakes: Stakes) -> Judgement:
    """`basis` is what was learnt of the metric before the first stage; None makes a quantile unknown.

    Harmful: a rise is proven and the estimate exceeds `tolerate`. Tolerated: proven, but inside it. Safe: proven
    below the margin. Never raises on numbers that cannot be used: they are unknown.
    """
    return judge_all((Case(guardrail, basis, evidence, stakes),))[0]


def judge_all(cases: Iterable[Case]) -> tuple[Judgement, ...]:
    """One judgement per case, in their order: as `judge` says it of each, but in one pass over arrays."""
    asked = tuple(cases)
    reasons = [_unknowable(case) for case in asked]
    found: dict[int, Judgement] = {i: _unknown(asked[i], why) for i, why in enumerate(reasons) if why}
    for quantiles in (False, True):
        group = [
            i for i, c in enumerate(asked) if not reasons[i] and (c.guardrail.metric.kind == "quantile") is quantiles
        ]
        if group:
            found.update(zip(group, _judged([asked[i] for i in group], quantiles), strict=True))
    return tuple(found[i] for i in range(len(asked)))


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
    return worse > (tolerate.value if tolerate.kind == "absolute" else tolerate.value * abs(base))


def _unknowable(case: Case) -> str:
    """Why there is nothing to be said, or ""."""
    if case.evidence.missing:
        return case.evidence.missing
    metric = case.guardrail.metric
    if metric.kind == "quantile" and (case.basis is None or case.basis.threshold <= 0):
        return f"the baseline's {metric.name} was never learnt, so there is nothing to compare with"
    return ""


def _unknown(case: Case, why: str) -> Judgement:
    return Judgement(
        case.guardrail.metric.name,
        Verdict.UNKNOWN,
        harm_threshold=case.stakes.harm_threshold,
        safe_threshold=case.stakes.safe_threshold,
        missing=why,
    )


def _judged(cases: Sequence[Case], quantiles: bool) -> list[Judgement]:
    # Sums as large as the machine's numbers end as no number, which is unknown, not an error.
    with np.errstate(all="ignore"):
        batch = Batch.of(cases)
        candidate, baseline, left = adjusted(batch.candidate, batch.baseline)
        exact = log_e_exact(
            batch.candidate,
            batch.baseline,
            batch.pi,
            batch.side,
            [c.evidence.restarts for c in cases],
            batch.begun_anew,
        )
        d = difference(candidate, baseline)
        normal = log_e_normal(d, batch.side, batch.spreads * batch.scale[:, None], batch.short <= 1)
        harm = mixed(exact, normal, batch.exact, batch.normal)
        if quantiles:
            proof, least = beyond(batch.candidate, batch.baseline, batch.scale, batch.side), np.ones(len(cases))
        else:
            points = absolute(candidate, baseline, batch.margin, batch.side, batch.law, left, batch.cap)
            times = relative(candidate, baseline, batch.pi, batch.margin, batch.side, batch.law)
            proof = either(batch.absolute, points, times)
            least = np.where(batch.law.linear > 0, 1.0, np.maximum(1.0, batch.short))
        return _worded(cases, batch, harm, proof, least, quantiles)


def _worded(
    cases: Sequence[Case], batch: Batch, harm: Floats, proof: Proof, least: Floats, quantiles: bool
) -> list[Judgement]:
    """The nouns of the model, from the columns."""
    shown = [_rate(batch, arm) for arm in (batch.candidate, batch.baseline)]
    rise = shown[0] - shown[1]
    safe = np.where(least <= 1, proof.log_e(), 0.0)
    low, high = _band(batch, rise, quantiles)
    more = growth(proof, batch.safe_threshold, least)
    more = np.where((batch.candidate.units > 0) & (batch.baseline.units > 0), more, np.inf)
    usable = batch.usable & np.isfinite(harm) & np.isfinite(safe)
    columns = (
        *shown, rise, low, high, harm, batch.harm_threshold, safe, batch.safe_threshold, batch.margin,
        batch.candidate.units, batch.baseline.units, batch.candidate.first, batch.baseline.first, more, usable,
    )  # fmt: skip
    return [
        _noun(case, *row) for case, row in zip(cases, zip(*(c.tolist() for c in columns), strict=True), strict=True)
    ]


def _rate(batch: Batch, arm: Arms) -> Floats:
    """The value as people read it: a share of requests is not capped per unit."""
    true = np.minimum(1.0, per(np.maximum(arm.failures, arm.events), arm.requests))
    return np.where(batch.law.own_cap, true, per(arm.events, arm.requests))


def _band(batch: Batch, rise: Floats, quantiles: bool) -> tuple[Floats, Floats]:
    """The confidence sequence of the rise, as it was measured (without covariates); shares differ by at most 1."""
    d = difference(batch.candidate, batch.baseline)
    usual = 2 * batch.spreads[:, 1] * batch.scale
    tau = np.where(batch.absolute & (not quantiles), np.maximum(usual, batch.tolerate), usual)
    low, high = band(rise, np.maximum(d.own, d.pooled), tau)
    most = np.where(batch.shares, 1.0, UNBOUNDED)
    return np.clip(low, -most, most), np.clip(high, -most, most)


def _noun(
    case: Case,
    candidate: float,
    baseline: float,
    rise: float,
    low: float,
    high: float,
    harm: float,
    harm_threshold: float,
    safe: float,
    safe_threshold: float,
    margin: float,
    *counts: float,
) -> Judgement:
    candidate_units, baseline_units, candidate_first, baseline_first, growing, usable = counts
    guardrail, evidence = case.guardrail, case.evidence
    if not usable:
        return _unknown(case, f"the sums of {guardrail.metric.name} contradict themselves")
    values: tuple[float, ...] = (0.0, 0.0)
    if guardrail.metric.kind == "quantile":
        values = tuple(
            quantile(h, guardrail.metric.q) or 0.0 for h in (evidence.candidate_values, evidence.baseline_values)
        )
    found = Judgement(
        guardrail.metric.name,
        Verdict.SAFE if safe >= safe_threshold else Verdict.UNDECIDED,
        candidate,
        baseline,
        rise,
        low,
        high,
        harm,
        harm_threshold,
        safe,
        safe_threshold,
        margin,
        int(candidate_units),
        int(baseline_units),
        int(candidate_first),
        int(baseline_first),
        _more(candidate_units, growing),
        "",
        *values,
    )
    if harm < harm_threshold:
        return found
    return replace(found, verdict=Verdict.HARMFUL if exceeds(guardrail, found) else Verdict.TOLERATED)


def _more(units: float, growing: float) -> int | None:
    """Candidate units still to come, when both arms have to grow by a factor."""
    if not isfinite(growing):
        return None
    return max(1, round(units * (growing - 1))) if growing > 1 else 0
