"""Which steps are told to whoever wants to hear of them, and in which words: those of every other surface."""

from __future__ import annotations

from fader.model.channel import Notice, Occasion
from fader.model.decision import Step
from fader.model.state import Phase
from fader.rollout.explain import headline, needs_person

_REACHED: dict[Phase, Occasion] = {
    Phase.AWAITING: "waiting",
    Phase.HELD: "held",
    Phase.ROLLED_BACK: "rolled_back",
    Phase.ABORTED: "aborted",
    Phase.COMPLETED: "completed",
}


def occasion(step: Step) -> Occasion | None:
    """What the step is told as; None for one that is not. A resumed rollout is where it was: that is told again, for
    it needs a person again."""
    if step.event in ("start", "retry"):
        return "started"
    if step.event == "withdraw":
        return "withdrawn"
    return None if step.before.phase is step.after.phase else _REACHED.get(step.after.phase)


def notice(step: Step) -> Notice | None:
    kind = occasion(step)
    if kind is None:
        return None
    spec, state = step.spec, step.after
    return Notice(
        id=f"{step.rollout}-{step.seq}-{step.at * 1000:.0f}",
        kind=kind,
        at=step.at,
        sentence=step.reason if kind == "withdrawn" else headline(spec, state, step.at),
        needs=needs_person(spec, state),
        actor=step.actor,
        said=step.command.reason if step.command else "",
        rollout=step.rollout,
        service=spec.service,
        baseline=spec.baseline,
        candidate=spec.candidate,
        attempt=state.attempt,
        seq=step.seq,
        phase=state.phase,
        share=state.share,
        flag=spec.flag,
    )


def trial(channel: str, actor: str, at: float) -> Notice:
    """What a person sends to see whether a channel works."""
    sentence = f"this is a test of the channel {channel}, sent by {actor or 'somebody'}: nothing has happened"
    return Notice(f"test-{channel}-{at * 1000:.0f}", "test", at, sentence, actor=actor)
