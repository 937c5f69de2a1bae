"""One guardrail in one stage: summaries in, a judgement out; or many of them in one pass."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from math import isfinite

import numpy as np

from fader.model.evidence import MetricEvidence
from fader.model.rollout import Guardrail
from fader.model.state import Basis
from fader.model.summary import Histogram
from fader.model.verdict import Judgement, Verdict
from fader.stats.arms import Arms, Floats, per
from fader.stats.batch import SMALLEST_RATE, Batch
from fader.stats.case import Case, Stakes
from fader.stats.clustered import Difference, difference
from fader.stats.cuped import adjusted
from fader.stats.forecast import growth
from fader.stats.harm import log_e_exact, log_e_normal, mixed
from fader.stats.histogram import quantile
from fader.stats.noninferiority import absolute, relative
from fader.stats.noninferiority import quantile as beyond
from fader.stats.normal_mixture import band
from fader.stats.series import UNBOUNDED, judged

__all__ = ["SMALLEST_RATE", "UNBOUNDED", "Case", "Stakes", "exceeds", "judge", "judge_all"]

#: No count of units is larger; it keeps absurd sums inside the machine's whole numbers.
MOST_UNITS = 2.0**53


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
    known = [case for case, why in zip(asked, reasons, strict=True) if not why]
    ours = [case for case in known if not _elsewhere(case)]
    counted = iter(_judged(ours) if ours else ())
    found = iter(_proven(case, judged(case)) if _elsewhere(case) else next(counted) for case in known)
    return tuple(_unknown(case, why) if why else next(found) for case, why in zip(asked, reasons, strict=True))


def exceeds(guardrail: Guardrail, judgement: Judgement) -> bool:
    """Whether the estimate, as it stands, is worse than `tolerate` (unscaled)."""
    tolerate, worse, base = guardrail.tolerate, judgement.rise, judgement.baseline_rate
    if guardrail.metric.kind == "quantile":
        worse, base = judgement.candidate_value - judgement.baseline_value, judgement.baseline_value
        if min(judgement.candidate_value, base) <= 0:
            return False
    side = 1.0 if guardrail.metric.better == "lower" else -1.0
    return side * worse > (tolerate.value if tolerate.kind == "absolute" else tolerate.value * abs(base))


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


def _elsewhere(case: Case) -> bool:
    return case.guardrail.metric.kind == "external"


def _proven(case: Case, found: Judgement) -> Judgement:
    if found.verdict is Verdict.UNKNOWN or found.log_e_harm < found.harm_threshold:
        return found
    return replace(found, verdict=Verdict.HARMFUL if exceeds(case.guardrail, found) else Verdict.TOLERATED)


def _judged(cases: Sequence[Case]) -> list[Judgement]:
    # Sums as large as the machine's numbers end as no number, which is unknown, not an error.
    with np.errstate(all="ignore"):
        batch = Batch.of(cases)
        candidate, baseline, left = adjusted(batch.candidate, batch.baseline)
        measured = difference(batch.candidate, batch.baseline)
        d = measured if candidate is batch.candidate else difference(candidate, baseline)
        safe, factor = _safe(batch, d, candidate, baseline, left)
        return _worded(cases, batch, _harm(cases, batch, d), safe, factor, measured)


def _harm(cases: Sequence[Case], batch: Batch, d: Difference) -> Floats:
    """Log e-values against "no rise"."""
    exact, rows = np.zeros(len(cases)), np.flatnonzero(batch.exact)
    if rows.size:
        exact[rows] = log_e_exact(
            batch.candidate.first[rows],
            batch.baseline.first[rows],
            batch.pi[rows],
            batch.side[rows],
            [cases[i].evidence.restarts for i in rows.tolist()],
            batch.begun_anew[rows],
        )
    normal = log_e_normal(d, batch.side, batch.spreads * batch.scale[:, None], batch.short <= 1)
    return mixed(exact, normal, batch.exact, batch.normal)


def _safe(batch: Batch, d: Difference, candidate: Arms, baseline: Arms, left: Floats) -> tuple[Floats, Floats]:
    """Log e-values against "the margin or worse", and by which factor both arms have to grow to be proven safe.

    Where the law of the sums is not known, the gates of the test of harm stand before this one too.
    """
    safe, factor = np.zeros(len(left)), np.full(len(left), np.inf)
    least = np.where((batch.law.linear > 0) | batch.quantiles, 1.0, np.maximum(1.0, batch.short))
    for form, which in (
        ("quantile", batch.quantiles),
        ("absolute", batch.absolute & ~batch.quantiles),
        ("relative", ~batch.absolute & ~batch.quantiles),
    ):
        rows = np.flatnonzero(which)
        if not rows.size:
            continue
        if form == "quantile":
            proof = beyond(batch.candidate, batch.baseline, batch.scale, batch.side)
        elif form == "absolute":
            proof = absolute(d, candidate, baseline, batch.margin, batch.side, batch.law, left, batch.cap)
        else:
            proof = relative(d, candidate, baseline, batch.pi, batch.margin, batch.side, batch.law)
        proof = proof.take(rows)
        reached = proof.log_e(least[rows])
        safe[rows] = np.where(least[rows] <= 1, reached, 0.0)
        factor[rows] = growth(proof, batch.safe_threshold[rows], reached, least[rows])
    return safe, factor


def _worded(
    cases: Sequence[Case], batch: Batch, harm: Floats, safe: Floats, factor: Floats, measured: Difference
) -> list[Judgement]:
    """The nouns of the model, from the columns."""
    shown = [_rate(batch, arm) for arm in (batch.candidate, batch.baseline)]
    rise = shown[0] - shown[1]
    there = (batch.candidate.units > 0) & (batch.baseline.units > 0)
    more = np.where(there, batch.candidate.units * (factor - 1), np.inf)
    usable = batch.usable & np.isfinite(harm) & np.isfinite(safe)
    counts = batch.candidate.units, batch.baseline.units, batch.candidate.first, batch.baseline.first
    rows = zip(
        [case.guardrail.metric.name for case in cases],
        [Verdict.SAFE if proven else Verdict.UNDECIDED for proven in (safe >= batch.safe_threshold).tolist()],
        *(c.tolist() for c in (*shown, rise, *_band(batch, rise, measured), harm, batch.harm_threshold)),
        *(c.tolist() for c in (safe, batch.safe_threshold, batch.margin)),
        *(np.minimum(c, MOST_UNITS).astype(np.int64).tolist() for c in counts),
        [_more(units) for units in more.tolist()],
        [""] * len(cases),
        *_values(cases),
        strict=True,
    )
    found = [Judgement(*row) for row in rows]
    for i in np.flatnonzero(harm >= batch.harm_threshold).tolist():
        found[i] = _proven(cases[i], found[i])
    for i in np.flatnonzero(~usable).tolist():
        found[i] = _unknown(cases[i], f"the sums of {found[i].metric} contradict themselves")
    return found


def _values(cases: Sequence[Case]) -> tuple[list[float], list[float]]:
    """The quantile itself in each arm; 0 without values, and for other kinds. Arms share their baseline's."""
    known: dict[tuple[int, float], float] = {}

    def value(case: Case, histogram: Histogram) -> float:
        q = case.guardrail.metric.q
        if case.guardrail.metric.kind != "quantile":
            return 0.0
        if (id(histogram), q) not in known:
            known[id(histogram), q] = quantile(histogram, q) or 0.0
        return known[id(histogram), q]

    return [value(c, c.evidence.candidate_values) for c in cases], [value(c, c.evidence.baseline_values) for c in cases]


def _more(units: float) -> int | None:
    """So many candidate units are still to come; None where no number of them would do."""
    if not isfinite(units):
        return None
    return max(1, round(units)) if units > 0 else 0


def _rate(batch: Batch, arm: Arms) -> Floats:
    """The value as people read it: a share of requests is not capped per unit."""
    true = np.minimum(1.0, per(np.maximum(arm.failures, arm.events), arm.requests))
    return np.where(batch.law.own_cap, true, per(arm.events, arm.requests))


def _band(batch: Batch, rise: Floats, measured: Difference) -> tuple[Floats, Floats]:
    """The confidence sequence of the rise, as it was measured (without covariates); shares differ by at most 1."""
    usual = 2 * batch.spreads[:, 1] * batch.scale
    tau = np.where(batch.absolute & ~batch.quantiles, np.maximum(usual, batch.tolerate), usual)
    low, high = band(rise, np.maximum(measured.own, measured.pooled), tau)
    most = np.where(batch.shares, 1.0, UNBOUNDED)
    # fmin and fmax: where an end is no number, nothing bounds it.
    return np.fmin(np.fmax(low, -most), most), np.fmax(np.fmin(high, most), -most)
