"""A rollout as people are shown it, everywhere alike."""

from __future__ import annotations

from collections.abc import Sequence

from fader.model.decision import Decision, Step
from fader.model.evidence import HealthEvidence
from fader.model.rollout import RolloutSpec, Stage
from fader.model.state import ACTIVE, ENDED, Phase, RolloutState
from fader.model.view import ArmView, RolloutView, StageView
from fader.ports.events import Exposure
from fader.rollout.command import allowed
from fader.rollout.experiment import main_reading
from fader.rollout.explain import arm_ahead, arm_ended, arm_running, audience, headline, needs_person, sentence
from fader.rollout.explain_outcome import plan, reading, verdict
from fader.rollout.explain_signal import signal
from fader.rollout.harm import harm
from fader.rollout.plan import further, route


def view(
    spec: RolloutSpec,
    state: RolloutState,
    decision: Decision,
    exposure: Exposure,
    history: Sequence[Step],
    now: float,
    health: HealthEvidence | None = None,
) -> RolloutView:
    """`decision` is the last one about this very state; what it found and waits for is shown as it is. `health` is
    that of the data that it rests on.

    Of an ended rollout it is what the record holds last; of a read experiment, the reading at its end.
    """
    steps = [s for s in history if s.after.attempt == state.attempt]
    read = next((s for s in reversed(steps) if any(r.fixed_low is not None for r in s.readings)), None)
    # A rollout that has ended may have been written anew; what was found is said in the words of then.
    then = steps[-1].spec if steps and state.phase in ENDED else spec
    judgements, readings, signals = decision.judgements, decision.readings, decision.signals
    judged = state
    if state.phase in ENDED:
        last = next((s for s in reversed(steps) if s.judgements or s.readings or s.signals), None)
        if last is not None:
            judgements, judged = judgements or last.judgements, last.before
            readings, signals = readings or last.readings, signals or last.signals
        readings = read.readings if read is not None and state.phase is Phase.COMPLETED else readings
    return RolloutView(
        name=spec.name,
        service=spec.service,
        baseline=spec.baseline,
        candidate=spec.candidate,
        spec=spec,
        state=state,
        headline=headline(spec, state, now),
        waits=decision.waits,
        stages=tuple(_stage(stage, state, steps, i) for i, stage in enumerate(route(spec, state))),
        judgements=judgements,
        units_exposed=exposure.units,
        units_harmed=exposure.harmed,
        harm=harm(then, judged, judgements, exposure.harmed),
        seconds_to_decision=_seconds(state, exposure),
        needs_person=needs_person(spec, state),
        commands=allowed(state),
        readings=readings,
        signals=signals,
        reading_sentences=tuple(reading(then, state, r, state.ended_at or now) for r in readings),
        signal_sentences=tuple(signal(then, s) for s in signals),
        plan=plan(then, state.plan) if state.plan else "",
        verdict=verdict(read.spec, read.before, main_reading(read.spec, read.readings)) if read else "",
        health=health,
        arms=_arms(then, state, health),
        arm_judgements=decision.beside,
        flag=spec.flag,
        audience=audience(spec.audience, spec.old),
    )


def _arms(spec: RolloutSpec, state: RolloutState, health: HealthEvidence | None) -> tuple[ArmView, ...]:
    """The further arms, in the order of the specification."""
    if spec.experiment is None:
        return ()
    running = {arm.version for arm in further(spec, state)} if state.phase in ACTIVE else set()
    index = next((i for i, stage in enumerate(route(spec, state)) if stage.share == spec.experiment.share), 0)
    before = state.phase not in ENDED and state.stage < index
    units, reasons = dict(health.others if health else ()), {w.version: w.why for w in state.withdrawn}
    share, made = spec.experiment.share, []
    for arm in spec.experiment.beside:
        count = units.get(arm, 0)
        if arm in reasons:
            made.append(ArmView(arm, 0, "withdrawn", count, reasons[arm]))
        elif arm in running:
            made.append(ArmView(arm, share, "running", count, arm_running(spec, arm, share, count)))
        elif before:
            made.append(ArmView(arm, 0, "ahead", 0, arm_ahead(spec, arm, share)))
        else:
            made.append(ArmView(arm, 0, "ended", count, arm_ended(spec, arm, share)))
    return tuple(made)


def _seconds(state: RolloutState, exposure: Exposure) -> float:
    if state.phase not in ENDED or not exposure.first_at:
        return 0.0
    return max(0.0, state.ended_at - exposure.first_at)


def _stage(stage: Stage, state: RolloutState, steps: Sequence[Step], index: int) -> StageView:
    entered = next((s for s in steps if s.after.stage == index and s.before.stage != index), None)
    left = next((s for s in steps if s.before.stage == index and s.after.stage != index), None)
    last = next((s for s in reversed(steps) if s.after.stage == index), None)
    ended = state.phase in ENDED and state.stage == index
    return StageView(
        index=index,
        share=stage.share,
        bake=stage.bake,
        gate=stage.gate,
        status=_status(state, index, left),
        since=entered.at if entered else 0.0,
        until=left.at if left else (state.ended_at if ended else 0.0),
        reason=sentence(left) if left else (sentence(last) if last else ""),
    )


def _status(state: RolloutState, index: int, left: Step | None) -> str:
    if index > state.stage:
        return "ahead"
    if index < state.stage:
        return "skipped" if left and left.event.startswith("promote") else "passed"
    if state.phase is Phase.COMPLETED:
        return "passed"
    return "stopped" if state.phase in ENDED else "current"
