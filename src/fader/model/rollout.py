"""The rollout as it was asked for: frozen when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.metric import Margin, Metric

Shield = Literal["connect", "errors", "off"]
Profile = Literal["balanced", "careful", "swift"]


@dataclass(frozen=True, slots=True)
class Stage:
    """`share` in ppm; `bake` is the least dwell in seconds; a `manual` gate waits for a person at its end."""

    share: int
    bake: float
    gate: Literal["auto", "manual"] = "auto"


@dataclass(frozen=True, slots=True)
class Guardrail:
    metric: Metric
    tolerate: Margin


@dataclass(frozen=True, slots=True)
class Undecided:
    """What happens to a stage that is neither safe nor harmful `after` seconds. Never "promote"."""

    after: float = 86_400.0
    then: Literal["hold", "rollback"] = "hold"


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """The move of one service from `baseline` to `candidate`. The last stage is always 100 % and is not judged."""

    name: str
    service: str
    baseline: str
    candidate: str
    stages: tuple[Stage, ...]
    guardrails: tuple[Guardrail, ...]
    shield: Shield = "connect"
    on_harm: Literal["rollback", "hold"] = "rollback"
    if_undecided: Undecided = Undecided()
    profile: Profile = "balanced"

    @property
    def salt(self) -> str:
        return f"{self.service}/{self.name}"

    @property
    def judged(self) -> tuple[Stage, ...]:
        """The stages below 100 %: only there is a baseline to compare with."""
        return self.stages[:-1]
