"""How many of the users whom a candidate's failures met were hurt by the change, and not by the luck of the day."""

from __future__ import annotations

from math import ceil, floor

from fader.model.metric import REQUEST, Comparison, Metric
from fader.model.rollout import RolloutSpec
from fader.model.state import RolloutState
from fader.model.verdict import Judgement, Verdict
from fader.model.view import Harm
from fader.rollout.plan import stakes
from fader.stats.judge import UNBOUNDED
from fader.stats.rate_bound import rate_bounds

#: Chance that the interval misses the truth at any look.
MISSED = 0.05
FAILED = Comparison("status", ">=", 500.0)


def harm(spec: RolloutSpec, state: RolloutState, judgements: tuple[Judgement, ...], harmed: int) -> Harm | None:
    """What the change did to `harmed` units; `judgements` are of the stage of `state`. None where no guardrail counts
    failed requests, or nothing is known of it yet.

    Of the units with a failure, each is the candidate's with the chance theta = pi R / (pi R + 1 - pi), where R is the
    risk ratio and pi the candidate's share. Bounds of theta that hold at every look (`stats.rate_bound`) bound R, and
    a part 1 - 1/R of the candidate's is what the change did.
    """
    metrics = {g.metric.name for g in spec.guardrails if _counts_failures(g.metric)}
    judged = next((j for j in judgements if j.metric in metrics and j.verdict is not Verdict.UNKNOWN), None)
    if judged is None or state.stage < 0:
        return None
    pi = stakes(spec, state).pi
    met = judged.candidate_first + judged.baseline_first
    low, high = (_ratio(theta, pi) for theta in rate_bounds(judged.candidate_first, met, MISSED))
    return Harm(floor(harmed * _part(low)), ceil(harmed * _part(high)), low, high)


def _counts_failures(metric: Metric) -> bool:
    return metric.kind == "proportion" and metric.event == REQUEST and metric.where == (FAILED,)


def _ratio(theta: float, pi: float) -> float:
    odds, even = theta * (1 - pi), pi * (1 - theta)
    return odds / even if even > 0 else UNBOUNDED


def _part(ratio: float) -> float:
    """1 - 1/R, and 0 where the candidate is not worse."""
    return 1 - 1 / ratio if ratio > 1 else 0.0
