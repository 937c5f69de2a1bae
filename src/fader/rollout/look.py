"""What a gate looks at, and what it may answer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from fader.model.evidence import Evidence
from fader.model.rollout import RolloutSpec
from fader.model.state import RolloutState
from fader.model.verdict import Judgement, Reading, Signal

#: Seconds after which the last report of the gateway says nothing about now.
FRESH = 10.0


@dataclass(frozen=True, slots=True)
class Look:
    """All that a gate may look at. `judgements`: the guardrails', then the outcomes'; `beside`: the same of
    each further arm."""

    spec: RolloutSpec
    state: RolloutState
    evidence: Evidence
    judgements: tuple[Judgement, ...]
    now: float
    readings: tuple[Reading, ...] = ()
    signals: tuple[Signal, ...] = ()
    beside: tuple[Judgement, ...] = ()

    @property
    def missing(self) -> str:
        """Why there is no evidence about this stage at all, or ""."""
        if self.evidence.missing:
            return self.evidence.missing
        return "" if self.evidence.stage == self.state.stage else "what there is belongs to another stage"

    @property
    def fresh(self) -> bool:
        return self.now - self.evidence.gateway.reported_at <= FRESH

    @property
    def guarded(self) -> tuple[Judgement, ...]:
        """The judgements that must be proven safe: those of the guardrails."""
        names = {g.metric.name for g in self.spec.guardrails}
        return tuple(j for j in self.judgements if j.metric in names)


@dataclass(frozen=True, slots=True)
class Stop:
    event: Literal["roll_back", "hold"]
    reason: str


#: A *stop* ends or holds the rollout; a *wait* is a sentence per thing that nothing advances without.
Gate = Callable[[Look], Stop | None]
Wait = Callable[[Look], tuple[str, ...]]
