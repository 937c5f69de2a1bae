"""The decision: what is known of a rollout, and what follows from it. Pure, and the same for the same inputs."""

from __future__ import annotations

from dataclasses import replace

from fader.model.decision import Action, Decision
from fader.model.evidence import Evidence
from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.model.verdict import Judgement, Reading, Signal
from fader.rollout import explain, explain_outcome
from fader.rollout.beside import judged, rival, taken_out
from fader.rollout.experiment import conclude, main_reading
from fader.rollout.gates import LEARNING_WAITS, STAGE_WAITS, STOPS
from fader.rollout.learning import freeze, learnt, planned
from fader.rollout.look import Look, Wait
from fader.rollout.moves import at_stage, onward, onward_event, stepped, withdrawn
from fader.rollout.plan import HALF, basis, is_experiment, is_holdback, next_share, stage_of, stakes
from fader.rollout.ramp import ahead, first_share
from fader.stats.judge import UNBOUNDED, Case, judge_all
from fader.stats.reading import read
from fader.stats.scan import fresh, scan

#: Evidence is judged every second; an e-process costs nothing for being looked at.
TICK = 1.0
#: Signals that a decision carries: where more differ, the versions have little in common, and a list says no more.
MOST = 100
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
    look = Look(
        spec,
        state,
        evidence,
        judgements(spec, state, evidence),
        now,
        readings(spec, state, evidence),
        signals(spec, state, evidence),
        judged(spec, state, evidence) if _judged(state, evidence) else (),
    )
    for gate in STOPS:
        if stop := gate(look):
            after = (
                withdrawn(state, stop.event, stop.reason, now)
                if stop.event == "roll_back"
                else stepped(state, stop.event, stop.reason)
            )
            return _decided(look, after, stop.event)
    if without := taken_out(look):
        return _decided(look, without, "withdraw")
    if state.phase is not Phase.RAMPING:
        return _stays(look)
    return _ramp(look)


def judgements(spec: RolloutSpec, state: RolloutState, evidence: Evidence) -> tuple[Judgement, ...]:
    """One per guardrail, then one per outcome; () at 100 %, before the first stage, and on evidence about another."""
    if not _judged(state, evidence):
        return ()
    held_against = stakes(spec, state)
    return judge_all(
        Case(g, basis(state, g.metric.name), evidence.metric(g.metric.name), held_against) for g in spec.watched
    )


def readings(spec: RolloutSpec, state: RolloutState, evidence: Evidence, *, fixed: bool = False) -> tuple[Reading, ...]:
    """One per outcome and arm; `fixed` once only, at the planned end of an experiment."""
    if not _judged(state, evidence):
        return ()
    return tuple(
        reading
        for outcome in spec.outcomes
        for reading in read(outcome, evidence.metric(outcome.metric.name), candidate=spec.candidate, fixed=fixed)
    )


def signals(spec: RolloutSpec, state: RolloutState, evidence: Evidence) -> tuple[Signal, ...]:
    """New errors of the candidate first, then whatever else differs between the arms: the harmful, the strongest."""
    if not _judged(state, evidence) or evidence.missing:
        return ()
    pi = stakes(spec, state).pi
    errors = tuple(n for n in evidence.names if n.kind == "fingerprint")
    found = fresh(errors, pi, stakes(spec, state).harm_threshold)
    known = {(s.kind, s.name) for s in found}
    others = tuple(s for s in scan(evidence.names, pi) if (s.kind, s.name) not in known)
    strongest = sorted((*found, *others), key=lambda s: not s.harmful)
    return tuple(_bounded(s) for s in strongest[:MOST])


def _bounded(signal: Signal) -> Signal:
    """As it can be recorded: JSON knows no infinity."""
    return replace(signal, ratio=min(signal.ratio, UNBOUNDED), high=min(signal.high, UNBOUNDED))


def _judged(state: RolloutState, evidence: Evidence) -> bool:
    return state.stage >= 0 and state.share < WHOLE and evidence.stage == state.stage


def _learn(look: Look) -> Decision:
    spec, state, evidence, now = look.spec, look.state, look.evidence, look.now
    waits = _waits(LEARNING_WAITS, look)
    if state.phase is not Phase.LEARNING or waits:
        return Decision(state, waits=waits, wake_at=now + TICK)
    made = planned(spec, evidence)
    first = next_share(spec, state) if spec.budget is None else first_share(spec, evidence)
    used = tuple(learnt(evidence, g.metric) for g in spec.guardrails if g.metric.kind != "external")
    reason = explain.learned(spec, used, first, explain_outcome.planned(spec, made))
    after = replace(
        at_stage(spec, state, "learned", reason, 0, first, now),
        bases=tuple(freeze(evidence, w.metric) for w in spec.watched),
        plan=made,
    )
    return _decided(look, after, "learned")


def _ramp(look: Look) -> Decision:
    spec, state, now = look.spec, look.state, look.now
    waits = _waits(STAGE_WAITS, look)
    if waits:
        return _stays(look, waits)
    if is_experiment(spec, state):
        return _read(look)
    if stage_of(spec, state).gate == "manual":
        return _decided(look, stepped(state, "ask", explain.passed(spec, state)), "ask")
    if is_holdback(spec, state):
        reason = explain.released(spec, state)
        return _decided(look, onward(spec, state, "advance", reason, now), onward_event(spec, state, "advance"))
    share, spent = _step(look)
    reason = explain.advanced(spec, state, share, look.guarded)
    after = replace(onward(spec, state, "advance", reason, now, share), spent=spent)
    return _decided(look, after, onward_event(spec, state, "advance"))


def _step(look: Look) -> tuple[int, float]:
    """The next share in ppm, and the users hurt until then."""
    share = next_share(look.spec, look.state)
    if look.spec.budget is None:
        return share, 0.0
    step = ahead(look.spec, look.state, look.evidence, look.guarded, look.now)
    return (step.share if share <= HALF else share), step.spent


def _read(look: Look) -> Decision:
    """The end of an experiment: read once with the tighter interval, and do what was asked for."""
    spec, state = look.spec, look.state
    found = readings(spec, state, look.evidence, fixed=True)
    end = conclude(spec, state, found, rival(spec, state, look.evidence))
    if end is None:
        return _stays(look, (explain_outcome.waits_reading(main_reading(spec, found)),))
    look = replace(look, readings=found)
    if end.event == "advance":
        after = onward(spec, state, "advance", end.reason, look.now)
        return _decided(look, after, onward_event(spec, state, "advance"))
    return _decided(look, stepped(state, end.event, end.reason), end.event)


def _decided(look: Look, after: RolloutState, event: str) -> Decision:
    return Decision(
        after,
        event,
        after.cause,
        EFFECTS,
        judgements=look.judgements,
        wake_at=look.now + TICK if after.phase in ACTIVE else 0.0,
        readings=look.readings,
        signals=look.signals,
        beside=look.beside,
    )


def _stays(look: Look, waits: tuple[str, ...] = ()) -> Decision:
    return Decision(
        look.state,
        waits=waits,
        judgements=look.judgements,
        wake_at=look.now + TICK,
        readings=look.readings,
        signals=look.signals,
        beside=look.beside,
    )


def _waits(gates: tuple[Wait, ...], look: Look) -> tuple[str, ...]:
    return tuple(wait for gate in gates for wait in gate(look))
