"""`outcomes:`, `experiment:`, `budget:` and `holdback:` of a rollout: what it is for, and how long it is watched."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator, model_validator

from fader.model.metric import Metric
from fader.model.rollout import Budget, Experiment, Holdback, Outcome
from fader.model.share import WHOLE, percent
from fader.schema.duration import Duration
from fader.schema.noun import Noun
from fader.schema.share import Share
from fader.schema.suggest import wrong
from fader.schema.tolerance import DEFAULT, Tolerance

#: The most that an adaptive ramp judges, and the shares that a holdback may keep, in ppm.
HALF = WHOLE // 2
LEAST_HELD_BACK, MOST_HELD_BACK = 10_000, 50_000


class OutcomeText(Noun):
    """A bare tolerance such as `5%` is short for `{tolerate: 5%}`; nothing at all for the default."""

    short_forms = ({"type": "string"}, {"type": "null"})

    tolerate: Tolerance = DEFAULT
    smallest: Tolerance | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {} if data is None else {"tolerate": data} if isinstance(data, str) else data

    def to_model(self, metric: Metric) -> Outcome:
        return Outcome(metric, self.tolerate, self.smallest)


def _some_time(seconds: float, example: str) -> float:
    if seconds <= 0:
        raise wrong("is zero", f"write how long, e.g. for: {example}")
    return seconds


class ExperimentText(Noun):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)

    share: Share = Field(examples=["50%"])
    duration: Duration = Field(alias="for", examples=["14d"])
    primary: str = Field(examples=["conversion"])
    decide: Literal["ask", "better", "not_worse"] = "ask"
    power: float = 0.8
    beside: list[str] = Field(default=[], examples=["[v3, v4]"])

    @field_validator("duration")
    @classmethod
    def _lasts(cls, seconds: float) -> float:
        return _some_time(seconds, "14d")

    @field_validator("power")
    @classmethod
    def _chance(cls, power: float) -> float:
        if not 0.5 <= power <= 0.99:
            raise wrong(f"is {power:g}, outside 0.5 to 0.99", "write e.g. power: 0.8")
        return power

    @model_validator(mode="after")
    def _apart(self) -> ExperimentText:
        """Each further version gets as many users as the candidate, and the baseline at least as many."""
        if twice := next((v for i, v in enumerate(self.beside) if v in self.beside[:i]), None):
            raise wrong(f"{twice} is named twice", "name each version once", ("beside",))
        arms = len(self.beside) + 2
        if self.beside and arms * self.share > WHOLE:
            most = WHOLE // arms // 10_000 * 10_000 or WHOLE // arms
            message = f"{percent(self.share)} for each of {arms - 1} versions leaves the baseline less than that"
            raise wrong(message, f"write at most {percent(most)}, or fewer versions beside", ("share",))
        return self

    def to_model(self) -> Experiment:
        return Experiment(self.share, self.duration, self.primary, self.decide, self.power, tuple(self.beside))


class BudgetText(Noun):
    units: int = Field(examples=["200"])
    factor: float = 3.0
    first: Share | None = None
    bake: Duration | None = None

    @field_validator("units")
    @classmethod
    def _some(cls, units: int) -> int:
        if units < 1:
            raise wrong(
                f"{units} users is no budget", "write how many users the ramp may hurt at most, e.g. units: 200"
            )
        return units

    @field_validator("factor")
    @classmethod
    def _rises(cls, factor: float) -> float:
        if not 1.5 <= factor <= 100:
            raise wrong(f"is {factor:g}, outside 1.5 to 100", "write how much larger a step may be, e.g. factor: 3")
        return factor

    @field_validator("first", mode="before", json_schema_input_type=Share | Literal["auto"])
    @classmethod
    def _auto(cls, first: Any) -> Any:
        return None if first == "auto" else first

    @field_validator("first")
    @classmethod
    def _small(cls, first: int | None) -> int | None:
        if first is not None and first > HALF:
            raise wrong(f"{percent(first)} is more than half of the users", "begin smaller, e.g. first: 5%")
        return first

    def to_model(self, bake: float) -> Budget:
        return Budget(self.units, self.factor, self.first or 0, bake if self.bake is None else self.bake)


class HoldbackText(Noun):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)

    share: Share = Field(examples=["5%"])
    duration: Duration = Field(alias="for", examples=["7d"])

    @field_validator("share")
    @classmethod
    def _few(cls, share: int) -> int:
        if not LEAST_HELD_BACK <= share <= MOST_HELD_BACK:
            raise wrong(f"{percent(share)} is outside 1% to 5%", "write e.g. share: 5%")
        return share

    @field_validator("duration")
    @classmethod
    def _lasts(cls, seconds: float) -> float:
        return _some_time(seconds, "7d")

    def to_model(self) -> Holdback:
        return Holdback(self.share, self.duration)
