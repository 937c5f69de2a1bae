"""What stands between a stage and the next: one function per gate, in the order of the tuples below.

A *stop* ends or holds the rollout; the first that speaks wins. A *wait* is a sentence; while there is one, nothing
advances. Stops come first: harm that is proven is acted on even while something else is unknown.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log
from typing import Literal

from fader.model.evidence import Evidence, LearningEvidence
from fader.model.metric import Metric
from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import Phase, RolloutState
from fader.model.verdict import Judgement, Verdict
from fader.rollout import explain
from fader.stats.judge import exceeds
from fader.stats.srm import LOG_ALARM, log_e_srm

#: Seconds after which the last report of the gateway says nothing about now.
FRESH = 10.0
#: Seconds without a healthy endpoint after which the candidate is dead, not restarting.
DEAD = 2.0
#: Share of a minute's requests that may be missing from the log, and the number that never matters.
LOST_SHARE, LOST_FEW = 0.01, 50
#: An e-value for harm (natural log) that freezes the ramp while the estimate exceeds what is tolerated: by chance at
#: most once in 10 guardrails and stages, and then it clears by itself.
SUSPICION = log(10)
#: Learning: events beyond the quantile, and units, that make a threshold worth freezing.
LEARN_TAIL, LEARN_UNITS = 20, 50


@dataclass(frozen=True, slots=True)
class Look:
    """All that a gate may look at."""

    spec: RolloutSpec
    state: RolloutState
    evidence: Evidence
    judgements: tuple[Judgement, ...]
    now: float

    @property
    def missing(self) -> str:
        """Why there is no evidence about this stage at all, or ""."""
        if self.evidence.missing:
            return self.evidence.missing
        return "" if self.evidence.stage == self.state.stage else "what there is belongs to another stage"

    @property
    def fresh(self) -> bool:
        return self.now - self.evidence.gateway.reported_at <= FRESH

    @property
    def passes(self) -> bool:
        return not (self.missing or proven_safe(self) or unsuspected(self))


@dataclass(frozen=True, slots=True)
class Stop:
    event: Literal["roll_back", "hold"]
    reason: str


Gate = Callable[[Look], Stop | None]
Wait = Callable[[Look], tuple[str, ...]]


def candidate_dead(look: Look) -> Stop | None:
    """No healthy candidate endpoint for 2 s, as far as the last report can tell: no statistics are needed."""
    gateway = look.evidence.gateway
    if not gateway.candidate_down_since:
        return None
    seconds = (look.now if look.fresh else gateway.reported_at) - gateway.candidate_down_since
    if seconds < DEAD:
        return None
    return Stop("roll_back", explain.rolled_back(look.spec, look.state, explain.dead(look.spec, seconds)))


def harm_proven(look: Look) -> Stop | None:
    harmful = [j for j in look.judgements if j.verdict is Verdict.HARMFUL]
    if not harmful or look.missing:
        return None
    worst = max(harmful, key=lambda j: j.log_e_harm)
    why = explain.harm(look.spec, worst)
    if look.spec.on_harm == "rollback":
        return Stop("roll_back", explain.rolled_back(look.spec, look.state, why))
    if look.state.phase is Phase.HELD:
        return None
    return Stop("hold", explain.held(look.spec, look.state, why))


def sample_ratio(look: Look) -> Stop | None:
    """The arms do not hold the units that the share says: whatever is compared, it is not like with like."""
    if look.state.phase not in (Phase.RAMPING, Phase.AWAITING) or look.missing:
        return None
    for metric in look.evidence.metrics:
        k, n = metric.candidate.units, metric.baseline.units
        if not metric.missing and log_e_srm(k, n, look.state.share / WHOLE) >= LOG_ALARM:
            return Stop("hold", explain.held(look.spec, look.state, explain.mismatch(look.spec, look.state, k, n)))
    return None


def undecided_too_long(look: Look) -> Stop | None:
    """Neither safe nor harmful, or unknown, for longer than was allowed."""
    if look.state.phase is not Phase.RAMPING or look.passes:
        return None
    rule = look.spec.if_undecided
    if look.now - look.state.stage_since < max(rule.after, look.spec.stages[look.state.stage].bake):
        return None
    why = explain.undecided(look.spec, look.judgements)
    if rule.then == "rollback":
        return Stop("roll_back", explain.rolled_back(look.spec, look.state, why))
    return Stop("hold", explain.held(look.spec, look.state, why))


def gateway_speaks(look: Look) -> tuple[str, ...]:
    return () if look.fresh else (explain.waits_silent(look.evidence, look.now),)


def config_accepted(look: Look) -> tuple[str, ...]:
    error = look.evidence.gateway.error
    return (explain.waits_refused(error),) if error else ()


def share_applied(look: Look) -> tuple[str, ...]:
    behind = look.evidence.gateway.applied_version < look.evidence.wanted_version
    return (explain.waits_applied(look.state),) if behind else ()


def candidate_answers(look: Look) -> tuple[str, ...]:
    return (explain.waits_dead(look.spec),) if look.evidence.gateway.candidate_down_since else ()


def evidence_there(look: Look) -> tuple[str, ...]:
    return (explain.waits_missing(look.missing),) if look.missing else ()


def log_complete(look: Look) -> tuple[str, ...]:
    """Against a minute's requests, as the loss is counted over the last minute."""
    lost = look.evidence.lost_requests
    seen = max((m.candidate.requests + m.baseline.requests for m in look.evidence.metrics), default=0.0)
    minutes = max(1.0, (look.now - look.state.stage_since) / 60)
    return (explain.waits_lost(lost),) if lost > max(LOST_FEW, LOST_SHARE * seen / minutes) else ()


def baked(look: Look) -> tuple[str, ...]:
    left = look.state.stage_since + look.spec.stages[look.state.stage].bake - look.now
    return (explain.waits_bake(left),) if left > 0 else ()


def proven_safe(look: Look) -> tuple[str, ...]:
    if look.missing:
        return ()
    open_ones = (j for j in look.judgements if not j.proven_safe)
    return tuple(explain.waits_safe(look.spec, look.state, j, look.now) for j in open_ones)


def unsuspected(look: Look) -> tuple[str, ...]:
    """Harm that is likely but not proven yet freezes the ramp; it clears by itself if it was chance.

    Without this, a stage whose margin is wide (small next share) could be left a moment before the proof.
    """
    suspects = (
        (explain.guardrail_of(look.spec, j), j)
        for j in look.judgements
        if SUSPICION <= j.log_e_harm < j.harm_threshold and j.verdict is not Verdict.UNKNOWN
    )
    return tuple(explain.waits_suspicion(look.spec, j) for guardrail, j in suspects if exceeds(guardrail, j))


def baseline_learnt(look: Look) -> tuple[str, ...]:
    if look.missing:
        return ()
    waits = []
    for guardrail in look.spec.guardrails:
        learning, need = learnt(look.evidence, guardrail.metric), needed(guardrail.metric)
        if learning.requests < need or learning.units < LEARN_UNITS:
            waits.append(
                explain.waits_learning(
                    look.spec, guardrail.metric.name, learning.requests, need, learning.units, LEARN_UNITS
                )
            )
    return tuple(waits)


def learnt(evidence: Evidence, metric: Metric) -> LearningEvidence:
    return next((x for x in evidence.learning if x.metric == metric.name), LearningEvidence(metric.name))


def needed(metric: Metric) -> int:
    """Requests before a quantile can be frozen: 20 beyond it, 400 at p95. A proportion needs only the units."""
    if metric.kind == "proportion":
        return LEARN_UNITS
    return round(LEARN_TAIL / min(metric.q, 1 - metric.q))


#: Everywhere that somebody has the candidate.
STOPS: tuple[Gate, ...] = (candidate_dead, harm_proven, sample_ratio, undecided_too_long)
#: Before the first stage.
LEARNING_WAITS: tuple[Wait, ...] = (
    gateway_speaks,
    config_accepted,
    share_applied,
    candidate_answers,
    evidence_there,
    baseline_learnt,
)
#: Before every further one.
STAGE_WAITS: tuple[Wait, ...] = (
    gateway_speaks,
    config_accepted,
    share_applied,
    candidate_answers,
    evidence_there,
    log_complete,
    baked,
    unsuspected,
    proven_safe,
)
