"""The rollout as it was asked for: frozen when it starts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.flag import Forced
from fader.model.metric import Direction, Margin, Metric
from fader.model.share import WHOLE, Draw

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
class Outcome:
    """What the change is for, or what must not suffer. Harm is acted on as for a guardrail; that it is absent need
    not be proven. `smallest`: the smallest effect of interest, for the plan of an experiment; None: `tolerate`."""

    metric: Metric
    tolerate: Margin
    smallest: Margin | None = None


@dataclass(frozen=True, slots=True)
class Experiment:
    """The stage with this `share` (ppm) is held for `duration` seconds and read then. `primary` is the outcome that
    decides: `ask` a person; `better`: go on only if it is; `not_worse`: go on unless it is worse than `tolerate`.

    `beside`: further versions that get as many users as the candidate while the stage lasts.
    """

    share: int
    duration: float
    primary: str
    decide: Literal["ask", "better", "not_worse"] = "ask"
    power: float = 0.8
    beside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """`stages: auto`: the most users that the whole ramp may hurt, by what is known at each step. `factor`: no step
    is larger. `first`: the first share in ppm; 0: what the budget covers even if the candidate hurt everybody. `bake`:
    the least dwell of each step in seconds."""

    units: int
    factor: float = 3.0
    first: int = 0
    bake: float = 600.0


@dataclass(frozen=True, slots=True)
class Holdback:
    """After 100 %: `share` (ppm) of the users stay on the baseline for `duration` seconds, still judged."""

    share: int
    duration: float


@dataclass(frozen=True, slots=True)
class Undecided:
    """What happens to a stage that is neither safe nor harmful `after` seconds. Never "promote"."""

    after: float = 86_400.0
    then: Literal["hold", "rollback"] = "hold"


@dataclass(frozen=True, slots=True)
class Subject:
    """A service, whose versions are its variants, or a flag."""

    kind: Literal["service", "flag"]
    name: str

    def __str__(self) -> str:
        return self.name if self.kind == "service" else f"flag {self.name}"

    def called(self, variant: str) -> str:
        """One of its variants in a sentence: `v2`, `checkout=on`."""
        return variant if self.kind == "service" else f"{self.name}={variant}"


@dataclass(frozen=True, slots=True)
class RolloutSpec:
    """The move of one service, or one flag, from `baseline` to `candidate`. The last stage is always 100 % and is not
    judged. Of a flag, `service` is the one whose requests are judged by who made them, or "".

    An adaptive ramp has no `stages` but a `budget`; the state holds the shares that it has come to. `directions`: the
    declared directions of event names, for the scan. `audience`: the condition for whom it is at all; "" is everybody.
    `forced`: units that have a version whatever the share and the audience, as no evidence.
    `layer`: the units that it shares with no other rollout of the layer; `holdouts`: those that get no rollout. Shares
    are of the units that are left.
    """

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
    outcomes: tuple[Outcome, ...] = ()
    experiment: Experiment | None = None
    budget: Budget | None = None
    holdback: Holdback | None = None
    directions: tuple[tuple[str, Direction], ...] = ()
    flag: str = ""
    audience: str = ""
    layer: Draw | None = None
    holdouts: tuple[Draw, ...] = ()
    forced: tuple[Forced, ...] = ()

    @property
    def salt(self) -> str:
        return f"{self.subject.name}/{self.name}"

    @property
    def subject(self) -> Subject:
        """What is rolled out. It has one rollout at a time."""
        return Subject("flag", self.flag) if self.flag else Subject("service", self.service)

    @property
    def arms(self) -> str:
        """What its baseline and its candidate are."""
        return "variants" if self.flag else "versions"

    def called(self, variant: str) -> str:
        """One of the arms in a sentence: `v2`, `checkout=on`."""
        return self.subject.called(variant)

    @property
    def new(self) -> str:
        """The candidate in a sentence."""
        return self.called(self.candidate)

    @property
    def old(self) -> str:
        """The baseline in a sentence."""
        return self.called(self.baseline)

    @property
    def for_all(self) -> bool:
        """Whether it reaches everybody. A flag's own rules go before its rollout."""
        return not (self.flag or self.audience or self.layer or self.holdouts)

    @property
    def tried(self) -> tuple[str, ...]:
        """The candidate, then the further arms of the experiment."""
        return (self.candidate, *(self.experiment.beside if self.experiment else ()))

    @property
    def judged(self) -> tuple[Stage, ...]:
        """The stages below 100 %, the holdback too: only there is a baseline to compare with. Of an adaptive ramp,
        the holdback alone is known beforehand."""
        held_back = () if self.holdback is None else (Stage(WHOLE - self.holdback.share, self.holdback.duration),)
        return (*self.stages[:-1], *held_back)

    @property
    def watched(self) -> tuple[Guardrail, ...]:
        """All that harm is acted on of: the guardrails, then the outcomes."""
        return (*self.guardrails, *(Guardrail(o.metric, o.tolerate) for o in self.outcomes))
