"""The decision: what is known of a rollout, and what follows from it. Pure, and the same for the same inputs."""

from __future__ import annotations

from dataclasses import replace

from fader.model.decision import Action, Decision
from fader.model.evidence import Evidence
from fader.model.metric import Metric
from fader.model.rollout import RolloutSpec
from fader.model.state import ACTIVE, Basis, Phase, RolloutState
from fader.model.verdict import Judgement
from fader.rollout import explain
from fader.rollout.gates import LEARNING_WAITS, STAGE_WAITS, STOPS, Look, Wait, learnt
from fader.rollout.moves import at_stage, onward, onward_event, stepped, withdrawn
from fader.rollout.plan import basis, stakes
from fader.stats.histogram import quantile
from fader.stats.judge import Case, judge_all

#: Evidence is judged every second; an e-process costs nothing for being looked at.
TICK = 1.0
EFFECTS: tuple[Action, ...] = ("publish", "notify")


def decide(spec: RolloutSpec, state: RolloutState, evidence: Evidence, now: float) -> Decision:
    """The next state of a rollout, or the same one with what it waits for.

    `evidence` about another stage, or none, never advances anything. Deciding again on the same evidence after a
    step gives no further step. An ended or pending rollout is left alone.
    """
    if state.phase not in ACTIVE:
        return Decision(state)
    if state.stage < 0:
        return _learn(Look(spec, state, evidence, (), now))
    judged = judgements(spec, state, evidence)
    look = Look(spec, state, evidence, judged, now)
    for gate in STOPS:
        if stop := gate(look):
            after = (
                withdrawn(state, stop.event, stop.reason, now)
                if stop.event == "roll_back"
                else stepped(state, stop.event, stop.reason)
            )
            return Decision(after, stop.event, stop.reason, EFFECTS, judgements=judged, wake_at=_wake(after, now))
    if state.phase is not Phase.RAMPING:
        return Decision(state, judgements=judged, wake_at=now + TICK)
    return _ramp(look)


def judgements(spec: RolloutSpec, state: RolloutState, evidence: Evidence) -> tuple[Judgement, ...]:
    """One per guardrail; () at 100 %, before the first stage, and on evidence about another stage."""
    if not 0 <= state.stage < len(spec.judged) or evidence.stage != state.stage:
        return ()
    held_against = stakes(spec, state.stage)
    return judge_all(
        Case(g, basis(state, g.metric.name), evidence.metric(g.metric.name), held_against) for g in spec.guardrails
    )


def _learn(look: Look) -> Decision:
    spec, state, now = look.spec, look.state, look.now
    waits = _waits(LEARNING_WAITS, look)
    if state.phase is not Phase.LEARNING or waits:
        return Decision(state, waits=waits, wake_at=now + TICK)
    bases = tuple(_freeze(look.evidence, g.metric) for g in spec.guardrails)
    used = tuple(learnt(look.evidence, g.metric) for g in spec.guardrails)
    reason = explain.learned(spec, used)
    after = replace(at_stage(spec, state, "learned", reason, 0, now), bases=bases)
    return Decision(after, "learned", reason, EFFECTS, wake_at=now + TICK)


def _freeze(evidence: Evidence, metric: Metric) -> Basis:
    found = learnt(evidence, metric)
    if metric.kind == "proportion":
        return Basis(metric.name, found.events / found.requests)
    return Basis(metric.name, 1 - metric.q, quantile(found.values, metric.q) or 0.0)


def _ramp(look: Look) -> Decision:
    spec, state, now = look.spec, look.state, look.now
    waits = _waits(STAGE_WAITS, look)
    if waits:
        return Decision(state, waits=waits, judgements=look.judgements, wake_at=now + TICK)
    if spec.stages[state.stage].gate == "manual":
        reason = explain.passed(spec, state)
        after, event = stepped(state, "ask", reason), "ask"
    else:
        reason = explain.advanced(spec, state, look.judgements)
        after, event = onward(spec, state, "advance", reason, now), onward_event(spec, state, "advance")
    return Decision(after, event, reason, EFFECTS, judgements=look.judgements, wake_at=_wake(after, now))


def _waits(gates: tuple[Wait, ...], look: Look) -> tuple[str, ...]:
    return tuple(wait for gate in gates for wait in gate(look))


def _wake(state: RolloutState, now: float) -> float:
    return now + TICK if state.phase in ACTIVE else 0.0
