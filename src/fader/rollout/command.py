"""What a person asks for: obeyed, or refused with a sentence that says why and what is possible."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from fader.errors import Refused
from fader.model.decision import Command, CommandName, Decision
from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.rollout import words
from fader.rollout.decide import EFFECTS, TICK
from fader.rollout.moves import onward, onward_event, paused, resume_event, resumed, started, withdrawn
from fader.rollout.plan import next_share, route
from fader.rollout.transitions import TABLE

ORDER: tuple[CommandName, ...] = ("start", "approve", "resume", "pause", "promote", "abort", "retry")


def allowed(state: RolloutState) -> tuple[CommandName, ...]:
    """What may be asked of a rollout in this state."""
    row = TABLE[state.phase]
    names = tuple(n for n in ORDER if n in row)
    return tuple(n for n in names if n != "promote" or state.stage >= 0)


def obey(spec: RolloutSpec, state: RolloutState, command: Command, now: float) -> Decision:
    """The step that the command makes. Raises Refused where it is not allowed now."""
    if command.name not in allowed(state):
        possible = ", ".join(allowed(state)) or "nothing"
        raise Refused(
            f"{spec.name} is {words.phase(state)}{_why_not(state, command)}: "
            f"{command.name} is not possible now (possible: {possible})"
        )
    event, after = OBEYED[command.name](spec, state, command, now)
    wake_at = now + TICK if after.phase in ACTIVE else 0.0
    return Decision(after, event, after.cause, EFFECTS, wake_at=wake_at)


def _why_not(state: RolloutState, command: Command) -> str:
    return " and has no stage yet" if command.name == "promote" and state.stage < 0 else ""


Move = tuple[str, RolloutState]


def _free(spec: RolloutSpec, command: Command) -> None:
    if command.active and command.active != spec.name:
        raise Refused(
            f"{spec.name} cannot {command.name}: {command.active} is active on {spec.subject}, and a "
            f"{spec.subject.kind} has one rollout at a time. Let it end, or `fader abort {command.active}`"
        )


def _start(spec: RolloutSpec, state: RolloutState, command: Command, now: float) -> Move:
    _free(spec, command)
    reason = f"{spec.name} started: {spec.old} is learnt first, nobody has {spec.new} yet"
    return "start", started(state, "start", reason, now)


def _retry(spec: RolloutSpec, state: RolloutState, command: Command, now: float) -> Move:
    """A new attempt with a new error budget. Its interval begins where the last ended: users hurt once, hurt last."""
    _free(spec, command)
    stages = route(spec, state)
    had = stages[min(state.stage, len(stages) - 1)].share if state.stage >= 0 else 0
    start = state.start if command.same_units else (state.start + had) % WHOLE
    who = "the same users first" if command.same_units or not had else "users who had it last time come last"
    reason = f"{spec.name} is tried again (attempt {state.attempt + 1}): {who}"
    return "retry", replace(started(state, "retry", reason, now), attempt=state.attempt + 1, start=start)


def _pause(spec: RolloutSpec, state: RolloutState, _command: Command, _now: float) -> Move:
    return "pause", paused(state, f"{spec.name} was paused at {words.share(state.share)}")


def _resume(spec: RolloutSpec, state: RolloutState, _command: Command, now: float) -> Move:
    reason = f"{spec.name} goes on at {words.share(state.share)}; the time of its stage begins anew"
    return resume_event(state), resumed(state, reason, now)


def _approve(spec: RolloutSpec, state: RolloutState, _command: Command, now: float) -> Move:
    reason = f"{spec.name} was approved: {_step(spec, state)}"
    return onward_event(spec, state, "approve"), onward(spec, state, "approve", reason, now)


def _promote(spec: RolloutSpec, state: RolloutState, command: Command, now: float) -> Move:
    if not command.reason.strip():
        raise Refused(
            f"promote gives {spec.new} to {words.share(next_share(spec, state))} of users without proof: "
            "say why (--reason)"
        )
    reason = f"{spec.name} was promoted without proof: {_step(spec, state)} ({command.reason.strip()})"
    return onward_event(spec, state, "promote"), onward(spec, state, "promote", reason, now)


def _step(spec: RolloutSpec, state: RolloutState) -> str:
    ahead = words.share(next_share(spec, state))
    return f"{spec.new} goes from {words.share(state.share)} to {ahead} of users"


def _abort(spec: RolloutSpec, state: RolloutState, command: Command, now: float) -> Move:
    went = "goes back to" if state.phase is Phase.COMPLETED else "was aborted at"
    where = spec.old if state.phase is Phase.COMPLETED else words.share(state.share)
    why = f" ({command.reason.strip()})" if command.reason.strip() else ""
    reason = f"{spec.name} {went} {where}{why}: everybody has {spec.old}"
    return "abort", withdrawn(state, "abort", reason, now)


OBEYED: dict[CommandName, Callable[[RolloutSpec, RolloutState, Command, float], Move]] = {
    "start": _start,
    "approve": _approve,
    "resume": _resume,
    "pause": _pause,
    "promote": _promote,
    "abort": _abort,
    "retry": _retry,
}
