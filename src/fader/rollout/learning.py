"""Before the first stage: what is normal on the baseline, frozen from it alone; and the plan of an experiment."""

from __future__ import annotations

from fader.model.evidence import Evidence, LearningEvidence
from fader.model.metric import REQUEST, Metric
from fader.model.rollout import Outcome, RolloutSpec
from fader.model.state import Basis
from fader.model.verdict import Plan
from fader.rollout import explain
from fader.rollout.look import Look
from fader.stats.histogram import quantile
from fader.stats.power import plan

DAY = 86_400.0
#: Events beyond the quantile, and units, that make a threshold worth freezing.
TAIL, UNITS = 20, 50
#: Seconds for which what an app tracks is waited for: an event that was never sent before has no history, and then
#: only a plan and the scale of a prior are lost.
PATIENCE = 600.0
#: Chance that the interval at the planned end of an experiment misses the effect; 0.01 more goes to the looks before.
ALPHA_FIXED = 0.04


def baseline_learnt(look: Look) -> tuple[str, ...]:
    """What the gateway itself measures is waited for until it is there; what an app tracks only for a while."""
    if look.missing:
        return ()
    patient = look.now - look.state.stage_since < PATIENCE
    must = {g.metric.name for g in look.spec.guardrails if _measured(g.metric)}
    waits = []
    for watched in look.spec.watched:
        if watched.metric.kind == "external":
            continue  # compared with the baseline of the same moment, never with its past
        name, found, need = watched.metric.name, learnt(look.evidence, watched.metric), needed(watched.metric)
        if (name in must or patient) and (found.requests < need or found.units < UNITS):
            waits.append(explain.waits_learning(look.spec, name, found.requests, need, found.units, UNITS))
    return tuple(waits)


def _measured(metric: Metric) -> bool:
    return metric.event == REQUEST and (metric.kind == "quantile" or by_request(metric))


def by_request(metric: Metric) -> bool:
    return metric.kind == "proportion" and metric.of == "requests"


def by_status(metric: Metric) -> bool:
    """Whether it is a share of requests by how they were answered, of which fewer are better."""
    return by_request(metric) and metric.better == "lower" and any(c.field == "status" for c in metric.where)


def learnt(evidence: Evidence, metric: Metric) -> LearningEvidence:
    return next((x for x in evidence.learning if x.metric == metric.name), LearningEvidence(metric.name))


def needed(metric: Metric) -> int:
    """Requests before a quantile can be frozen: 20 beyond it, 400 at p95. Other kinds need only the units."""
    if metric.kind == "quantile":
        return round(TAIL / min(metric.q, 1 - metric.q))
    return UNITS if by_request(metric) else 0


def freeze(evidence: Evidence, metric: Metric) -> Basis:
    """What there is: a rate of 0 and a threshold of 0 say that nothing was learnt."""
    found = learnt(evidence, metric)
    if metric.kind == "quantile":
        return Basis(metric.name, 1 - metric.q, quantile(found.values, metric.q) or 0.0)
    if not by_request(metric) and found.summary.requests > 0:
        return Basis(metric.name, found.summary.events / found.summary.requests)
    return Basis(metric.name, found.events / found.requests if found.requests else 0.0)


def planned(spec: RolloutSpec, evidence: Evidence) -> Plan | None:
    """The plan of the experiment; None without one, and where too little was learnt of its primary outcome.

    The learning evidence spans a day, so that its units are those of a day, or fewer for a service that is younger.
    They say nothing of less than a day: who comes within an hour comes again in the next.
    """
    outcome = primary(spec)
    if spec.experiment is None or outcome is None:
        return None
    found = learnt(evidence, outcome.metric)
    daily = float(found.units) if spec.experiment.duration >= DAY else 0.0
    return plan(outcome, found, spec.experiment, alpha=ALPHA_FIXED, units_per_day=daily)


def primary(spec: RolloutSpec) -> Outcome | None:
    """The outcome that decides the experiment."""
    name = spec.experiment.primary if spec.experiment else ""
    return next((o for o in spec.outcomes if o.metric.name == name), None)
