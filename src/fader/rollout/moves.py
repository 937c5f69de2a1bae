"""The states that an event leads to: the only place that makes a next state."""

from __future__ import annotations

from dataclasses import replace

from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import Phase, RolloutState
from fader.rollout.plan import is_last, next_share
from fader.rollout.transitions import follow


def stepped(state: RolloutState, event: str, reason: str) -> RolloutState:
    """The event's phase by the table, with a new revision. Raises Refused where the table has no such event."""
    return replace(state, phase=follow(state.phase, event), revision=state.revision + 1, cause=reason, resume_to=None)


def at_stage(
    spec: RolloutSpec, state: RolloutState, event: str, reason: str, stage: int, share: int, now: float
) -> RolloutState:
    """`share` in ppm; an adaptive ramp keeps it, as no plan names it."""
    kept = (*state.shares, share) if spec.budget is not None and share < WHOLE else state.shares
    return replace(stepped(state, event, reason), stage=stage, share=share, stage_since=now, ended_at=0.0, shares=kept)


def onward(
    spec: RolloutSpec, state: RolloutState, event: str, reason: str, now: float, share: int | None = None
) -> RolloutState:
    """The stage after this one; 100 % ends the rollout at once. `event` is that of a stage in between; `share` the
    smaller step of an adaptive ramp.
    """
    ahead = next_share(spec, state) if share is None else share
    after = at_stage(spec, state, onward_event(spec, state, event), reason, state.stage + 1, ahead, now)
    return replace(after, ended_at=now) if ahead == WHOLE else after


def onward_event(spec: RolloutSpec, state: RolloutState, event: str) -> str:
    if not is_last(spec, state):
        return event
    return "complete" if event == "advance" else f"{event}_complete"


def withdrawn(state: RolloutState, event: str, reason: str, now: float) -> RolloutState:
    """The plug is pulled: nobody has the candidate. Stage and start stay, a retry begins behind them."""
    return replace(stepped(state, event, reason), share=0, ended_at=now)


def started(state: RolloutState, event: str, reason: str, now: float) -> RolloutState:
    """Learning, before the first stage of an attempt."""
    return replace(
        stepped(state, event, reason),
        stage=-1,
        share=0,
        started_at=now,
        stage_since=now,
        ended_at=0.0,
        bases=(),
        shares=(),
        spent=0.0,
        plan=None,
        withdrawn=(),
    )


def paused(state: RolloutState, reason: str) -> RolloutState:
    return replace(stepped(state, "pause", reason), resume_to=state.phase)


def resume_event(state: RolloutState) -> str:
    """Where a resumed rollout goes: back to what it was paused in; to the ramp from a hold."""
    back = {Phase.LEARNING: "resume_learning", Phase.AWAITING: "resume_awaiting"}
    return back.get(state.resume_to, "resume") if state.resume_to else "resume"


def resumed(state: RolloutState, reason: str, now: float) -> RolloutState:
    """The clock of the stage (bake, undecided) starts anew; its evidence stays."""
    return replace(stepped(state, resume_event(state), reason), stage_since=now)
