"""How a demo ended, as one JSON object."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from math import isfinite
from typing import Literal

from fader.demo.tally import Tally
from fader.model.share import WHOLE, percent
from fader.model.state import Phase
from fader.model.view import RolloutView

#: An abort by a person at the dashboard takes the users back as a rollback does; the cause tells them apart.
_OUTCOMES: dict[Phase, Literal["completed", "rolled_back", "held"]] = {
    Phase.COMPLETED: "completed",
    Phase.ROLLED_BACK: "rolled_back",
    Phase.ABORTED: "rolled_back",
}
#: Phases in which the demo has nothing more to wait for.
DECIDED = frozenset({*_OUTCOMES, Phase.HELD})


@dataclass(frozen=True, slots=True)
class Found:
    """A signal of the scan: how many times as many users of the candidate; `high` is None where there is no limit."""

    kind: str
    name: str
    ratio: float
    low: float
    high: float | None


@dataclass(frozen=True, slots=True)
class Effect:
    """The effect on an outcome. [low, high] is valid at every look, [fixed_low, fixed_high] at the planned end of an
    experiment; None where there was none."""

    metric: str
    effect: float
    low: float
    high: float
    fixed_low: float | None
    fixed_high: float | None
    verdict: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """`stage`: the share at which it ended, as people write it, or `learning`. `failed_reads`: GET requests that
    got no answer or a status of 500 or more, as the visitors saw it.
    """

    rollout: str
    outcome: Literal["completed", "rolled_back", "held"]
    stage: str
    cause: str
    units_exposed: int
    units_harmed: int
    seconds_to_decision: float
    requests: int
    failed_requests: int
    failed_reads: int
    signals: tuple[Found, ...] = ()
    readings: tuple[Effect, ...] = ()

    def json(self) -> str:
        return json.dumps(asdict(self), allow_nan=False)


def outcome_of(view: RolloutView, tally: Tally) -> Outcome:
    """A rollout that is not decided yet counts as held: nothing moved on, and a person must look."""
    decided = view.state.phase in DECIDED
    return Outcome(
        rollout=view.name,
        outcome=_OUTCOMES.get(view.state.phase, "held"),
        stage=_stage(view),
        cause=view.state.cause if decided else f"no decision yet: {view.headline}",
        units_exposed=view.units_exposed,
        units_harmed=view.units_harmed,
        seconds_to_decision=round(view.seconds_to_decision, 1) if decided else 0.0,
        requests=tally.requests,
        failed_requests=tally.failed,
        failed_reads=tally.failed_reads,
        signals=tuple(
            Found(s.kind, s.name, s.ratio, s.low, s.high if isfinite(s.high) else None) for s in view.signals
        ),
        readings=tuple(
            Effect(r.metric, r.effect, r.low, r.high, r.fixed_low, r.fixed_high, r.verdict)
            for r in view.readings
            if r.verdict != "unknown"
        ),
    )


def _stage(view: RolloutView) -> str:
    if view.state.phase is Phase.COMPLETED:
        return percent(WHOLE)
    index = next((s.index for s in view.stages if s.status == "stopped"), view.state.stage)
    return percent(view.stages[index].share) if index >= 0 else "learning"
