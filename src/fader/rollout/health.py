"""Whether the data can be trusted: one gate per way in which it is known to break. None of them is a test of a version.

A broken unit id, tracker or clock makes every comparison wrong, so nothing advances meanwhile; what is repaired lets
the ramp go on by itself. A sample ratio that is off stays off, and a person must act.
"""

from __future__ import annotations

from math import sqrt

from fader.model.evidence import HealthEvidence, MetricEvidence
from fader.model.metric import REQUEST
from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import Phase, RolloutState
from fader.rollout import explain, explain_health
from fader.rollout.look import Look, Stop
from fader.rollout.plan import baseline_share, further, route
from fader.stats.srm import LOG_ALARM, log_e_outside

#: Share of a minute's requests that may be missing from the log, and the number that never matters.
LOST_SHARE, LOST_FEW = 0.01, 50
#: Share of units seen in both arms. Assignment is a hash of the id: beyond a few whose share changed under way, the
#: id is not the same everywhere, and an effect is diluted by as much as is mixed.
CROSSED_SHARE, CROSSED_FEW = 0.01, 10
#: Share of units that an app exposed and that neither asked nor did anything. Through the gateway every exposed unit
#: has at least one request, so these carry another id there; one in ten is beyond what blockers and aborts explain.
SILENT_SHARE, SILENT_FEW = 0.10, 20
#: Share of units with an outcome that were never exposed: outcomes sent with another id than the gateway's. Some
#: belong to users whose visit began before the stage.
UNEXPOSED_SHARE, UNEXPOSED_FEW = 0.10, 20
#: Seconds by which events may lie ahead of or behind the server's clock: events at the edges of a stage land in the
#: wrong one, and a minute is far above what a synchronised clock and a batch of events need.
SKEW = 60.0
#: By how much the weighted number of requests may differ from the gateway's own count. Units are sampled, not requests:
#: of k sampled units, 4 standard errors are 4 sqrt(2 / k), as requests per unit spread about as much as their mean.
DRIFT, DRIFT_ERRORS, DRIFT_SPREAD = 0.05, 4.0, 2.0


#: How many times as likely as others a unit that had the candidate before may be to come in a stage, or as unlikely:
#: that users come back sooner, or later, is an effect of the candidate and no fault of the data.
RETURN = 2.0


def split(spec: RolloutSpec, state: RolloutState) -> tuple[int, ...]:
    """What the assignment explains, in ppm: the least and the most that may show of the candidate's share, then the
    baseline's share and those of further arms.

    A unit is counted when it comes first. One that is new to the candidate in this stage comes whatever the candidate
    does; one that had it in the stage before may come more often or less often for what it met there.
    """
    before = route(spec, state)[state.stage - 1].share if state.stage > 0 else 0
    new = state.share - before
    others = (arm.interval.width for arm in further(spec, state) if not arm.withdrawn)
    return round(new + before / RETURN), round(new + before * RETURN), baseline_share(spec, state), *others


def sample_ratio(look: Look) -> Stop | None:
    """The arms hold other units than the share explains: whatever is compared, it is not like with like."""
    if look.state.phase not in (Phase.RAMPING, Phase.AWAITING) or look.missing:
        return None
    health = look.evidence.health
    if look.state.share >= WHOLE:
        return None
    counts = [(health.candidate_units, health.baseline_units, *beside(look.spec, look.state, health))]
    if not any(counts[0]):
        counts = [(m.candidate.units, m.baseline.units) for m in look.evidence.metrics if not m.missing]
    low, high, *rest = split(look.spec, look.state)
    for arms in counts:
        given = rest[: len(arms) - 1]
        if log_e_outside(arms, (low, high), given) >= LOG_ALARM:
            why = explain_health.mismatch(look.spec, arms, (look.state.share, *given))
            return Stop("hold", explain.held(look.spec, look.state, why))
    return None


def beside(spec: RolloutSpec, state: RolloutState, health: HealthEvidence) -> tuple[int, ...]:
    """Units of the further arms. One that was withdrawn gets no new ones, and is not compared: among the others the
    shares are as they were."""
    known = dict(health.others)
    return tuple(known.get(arm.version, 0) for arm in further(spec, state) if not arm.withdrawn)


def log_complete(look: Look) -> tuple[str, ...]:
    """Against a minute's requests, as the loss is counted over the last minute."""
    lost = look.evidence.lost_requests
    seen = max((m.candidate.requests + m.baseline.requests for m in look.evidence.metrics), default=0.0)
    minutes = max(1.0, (look.now - look.state.stage_since) / 60)
    return (explain_health.lost(lost),) if lost > max(LOST_FEW, LOST_SHARE * seen / minutes) else ()


def exposed(look: Look) -> int:
    return look.evidence.health.candidate_units + look.evidence.health.baseline_units


def arms_apart(look: Look) -> tuple[str, ...]:
    crossed = look.evidence.health.crossed
    everybody = exposed(look) + crossed
    if crossed <= max(CROSSED_FEW, CROSSED_SHARE * everybody):
        return ()
    return (explain_health.crossed(look.spec, crossed, everybody),)


def exposures_heard(look: Look) -> tuple[str, ...]:
    """Of a flag without a service nothing else is heard of most units: not everybody orders."""
    if not look.spec.service:
        return ()
    silent = look.evidence.health.silent
    if silent <= max(SILENT_FEW, SILENT_SHARE * exposed(look)):
        return ()
    return (explain_health.silent(silent, exposed(look)),)


def outcomes_exposed(look: Look) -> tuple[str, ...]:
    """A rollout that does not reach everybody leaves units with outcomes unexposed; it is an error when none of the
    exposed has any."""
    unexposed = look.evidence.health.unexposed
    everybody = exposed(look) + unexposed
    if unexposed <= max(UNEXPOSED_FEW, UNEXPOSED_SHARE * everybody):
        return ()
    if not look.spec.for_all and any(m.candidate.first + m.baseline.first for m in _tracked(look)):
        return ()
    return (explain_health.unexposed(look.spec, unexposed, everybody),)


def _tracked(look: Look) -> list[MetricEvidence]:
    """Of the metrics of what apps track."""
    names = {w.metric.name for w in look.spec.watched if w.metric.event != REQUEST}
    return [m for m in look.evidence.metrics if m.metric in names]


def clocks_agree(look: Look) -> tuple[str, ...]:
    skew = look.evidence.health.skew
    return (explain_health.skewed(skew),) if abs(skew) > SKEW else ()


def drift_by_chance(sampled: int) -> float:
    """How far from 1 the weight of so many sampled units, at least one, may lie without anything being broken."""
    return max(DRIFT, DRIFT_ERRORS * sqrt(DRIFT_SPREAD / sampled))


def weights_hold(look: Look) -> tuple[str, ...]:
    weight, sampled = look.evidence.health.weight, look.evidence.health.weighed
    if not sampled or abs(weight - 1) <= drift_by_chance(sampled):
        return ()
    return (explain_health.drifted(weight),)
