"""Was the recorded step what the record leads to? Decide again from it and compare."""

from __future__ import annotations

from fader.errors import Refused
from fader.model.decision import Decision, Step
from fader.rollout.command import obey
from fader.rollout.decide import decide


def again(step: Step) -> Decision | None:
    """What is decided today on what was recorded then; None where it would be refused, or nothing was recorded."""
    if step.command is not None:
        try:
            return obey(step.spec, step.before, step.command, step.at)
        except Refused:
            return None
    if step.evidence is None:
        return None
    return decide(step.spec, step.before, step.evidence, step.at)


def replay(step: Step) -> bool:
    """Whether event, next state and reason come out the same."""
    decision = again(step)
    return decision is not None and (decision.event, decision.state, decision.reason) == (
        step.event,
        step.after,
        step.reason,
    )
