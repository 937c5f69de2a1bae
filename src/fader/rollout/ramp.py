"""`stages: auto`: the next share is the largest at which the harm budget holds even if the worst is true.

The idea is that of Li, Mao and Bojinov 2023: the largest step whose risk of overrunning the remaining budget is small.
Here the budget is in users hurt, and the worst case comes from bounds that hold at every look, so that nothing of it
rests on how often one looks.
"""

from __future__ import annotations

from fader.model.evidence import Evidence
from fader.model.metric import Metric
from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import RolloutState
from fader.model.verdict import Judgement, Verdict
from fader.rollout.ahead import Ahead
from fader.rollout.plan import LEAST_KNOWN, MOST_AT_FIRST, next_share, stage_of, two_digits
from fader.stats.rate_bound import rate_bounds

#: Chance that a rate lies outside of its bounds.
OVERRUN = 0.05
#: A step below this factor is not worth a stratum of its own, nor the error probability that goes with it.
WORTHWHILE = 1.25


def ahead(
    spec: RolloutSpec, state: RolloutState, evidence: Evidence, judgements: tuple[Judgement, ...], now: float
) -> Ahead:
    """The next step of an adaptive ramp below its last share. The share never falls; what is unknown allows none."""
    share, ceiling = stage_of(spec, state).share, next_share(spec, state)
    found = [_excess(g.metric, j, evidence) for g, j in zip(spec.guardrails, judgements, strict=True)]
    candidates, everybody = _seen(evidence)
    spent = state.spent + candidates * sum(likely for likely, _ in found)
    # Any of the metrics may be what hurts, and not the same users: the rates are added.
    rate = min(1.0, sum(worst for _, worst in found))
    arriving = _arriving(spec, state, everybody, now)
    left = (spec.budget.units if spec.budget else 0) - spent
    worst = arriving * rate * ceiling / 1e6
    if everybody == 0 or left <= 0:
        return Ahead(share, ceiling, spent, worst)
    allowed = ceiling if worst <= left else two_digits(ceiling * left / worst)
    return Ahead(allowed if allowed >= min(ceiling, WORTHWHILE * share) else share, ceiling, spent, worst)


def first_share(spec: RolloutSpec, evidence: Evidence) -> int:
    """Where an adaptive ramp begins: at the share that the budget covers even if everybody who comes while it bakes
    were hurt, which brings as many users as the budget has; at most `MOST_AT_FIRST`."""
    budget = spec.budget
    if budget is None or budget.first or not evidence.arriving:
        return budget.first or LEAST_KNOWN if budget else 0
    return max(1, min(MOST_AT_FIRST, two_digits(WHOLE * budget.units / evidence.arriving)))


def _seen(evidence: Evidence) -> tuple[int, int]:
    """Units of the candidate, and of both arms, in this stage."""
    health = evidence.health
    pairs = [(health.candidate_units, health.baseline_units)]
    pairs += [(m.candidate.units, m.baseline.units) for m in evidence.metrics if not m.missing]
    return max(k for k, _ in pairs), max(k + n for k, n in pairs)


def _arriving(spec: RolloutSpec, state: RolloutState, everybody: int, now: float) -> float:
    """Users who come while one step bakes, at the rate of this stage; who returned in it is counted once."""
    bake = max(1.0, spec.budget.bake if spec.budget else 0.0)
    return everybody * bake / max(1.0, now - state.stage_since)


def _excess(metric: Metric, judgement: Judgement, evidence: Evidence) -> tuple[float, float]:
    """Share of the candidate's users that are hurt by the change: the estimate, and the worst by what is known.

    A unit with its first event (or without one, where events are good) is hurt. Where nearly every unit has one,
    the rise of the share of requests stands for it.
    """
    if judgement.verdict is Verdict.UNKNOWN:
        return 0.0, 1.0
    if metric.kind == "external" and not metric.is_share:
        return 0.0, 0.0  # a level says nothing of users; what it does to the ramp, its own verdict says
    lower = metric.better == "lower"
    if metric.kind in ("quantile", "external") or (not lower and metric.kind == "proportion" and metric.of != "units"):
        likely, worst = (judgement.rise, judgement.high) if lower else (-judgement.rise, -judgement.low)
        return min(1.0, max(0.0, likely)), min(1.0, max(0.0, worst))
    found = evidence.metric(metric.name)
    bad, fine = (found.candidate, found.baseline) if lower else (found.baseline, found.candidate)
    _, high = rate_bounds(bad.first, bad.units, OVERRUN)
    low, _ = rate_bounds(fine.first, fine.units, OVERRUN)
    likely = bad.first / max(1, bad.units) - fine.first / max(1, fine.units)
    return min(1.0, max(0.0, likely)), max(0.0, high - low)
