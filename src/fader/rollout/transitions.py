"""The state machine as a table: phase × event → phase. What is not in it cannot happen."""

from __future__ import annotations

from fader.errors import Refused
from fader.model.state import Phase

P = Phase

#: Events by fader: learned, advance, complete, ask, hold, withdraw (a further arm), roll_back. The others are a
#: person's; an event that ends in `_complete` leaves the last judged stage, one that ends in `_learning` or `_awaiting`
#: goes back to that phase.
TABLE: dict[Phase, dict[str, Phase]] = {
    P.PENDING: {"start": P.LEARNING},
    P.LEARNING: {"learned": P.RAMPING, "pause": P.PAUSED, "abort": P.ABORTED},
    P.RAMPING: {
        "advance": P.RAMPING,
        "complete": P.COMPLETED,
        "ask": P.AWAITING,
        "withdraw": P.RAMPING,
        "hold": P.HELD,
        "roll_back": P.ROLLED_BACK,
        "pause": P.PAUSED,
        "promote": P.RAMPING,
        "promote_complete": P.COMPLETED,
        "abort": P.ABORTED,
    },
    P.AWAITING: {
        "approve": P.RAMPING,
        "approve_complete": P.COMPLETED,
        "withdraw": P.AWAITING,
        "hold": P.HELD,
        "roll_back": P.ROLLED_BACK,
        "pause": P.PAUSED,
        "promote": P.RAMPING,
        "promote_complete": P.COMPLETED,
        "abort": P.ABORTED,
    },
    P.PAUSED: {
        "resume": P.RAMPING,
        "resume_learning": P.LEARNING,
        "resume_awaiting": P.AWAITING,
        "withdraw": P.PAUSED,
        "hold": P.HELD,
        "roll_back": P.ROLLED_BACK,
        "promote": P.RAMPING,
        "promote_complete": P.COMPLETED,
        "abort": P.ABORTED,
    },
    P.HELD: {
        "resume": P.RAMPING,
        "withdraw": P.HELD,
        "roll_back": P.ROLLED_BACK,
        "promote": P.RAMPING,
        "promote_complete": P.COMPLETED,
        "abort": P.ABORTED,
    },
    P.COMPLETED: {"abort": P.ABORTED},
    P.ROLLED_BACK: {"retry": P.LEARNING},
    P.ABORTED: {"retry": P.LEARNING},
}

EVENTS: tuple[str, ...] = tuple(sorted({event for row in TABLE.values() for event in row}))


def follow(phase: Phase, event: str) -> Phase:
    """The phase after the event. Raises Refused where the table has none."""
    try:
        return TABLE[phase][event]
    except KeyError:
        raise Refused(f"a rollout that is {phase.replace('_', ' ')} knows no {event.replace('_', ' ')}") from None


def diagram() -> str:
    """The table as a mermaid state diagram, as it stands in docs/reference/decisions.md."""
    arrows: dict[tuple[Phase, Phase], list[str]] = {}
    for phase, row in TABLE.items():
        for event, after in row.items():
            arrows.setdefault((phase, after), []).append(event)
    lines = ["stateDiagram-v2", "    [*] --> pending"]
    lines += [f"    {a.value} --> {b.value}: {', '.join(events)}" for (a, b), events in arrows.items()]
    return "\n".join(lines) + "\n"
