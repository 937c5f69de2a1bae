"""`rollouts:` of fader.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fader.model.metric import Direction, Metric
from fader.model.rollout import Guardrail, Profile, RolloutSpec, Shield, Stage, Undecided
from fader.model.share import WHOLE, percent
from fader.schema.condition import Audience
from fader.schema.duration import Duration, format_duration
from fader.schema.experiment import HALF, BudgetText, ExperimentText, HoldbackText, OutcomeText
from fader.schema.forced import Names, forced_by
from fader.schema.noun import Noun
from fader.schema.share import Share
from fader.schema.suggest import did_you_mean, quoted, wrong
from fader.schema.tolerance import DEFAULT, Tolerance

_STAGES = "[5%, 10%, 25%, 50%, 100%]"
_OUTCOMES = "{conversion: {tolerate: 5%, smallest: 2%}}"
_GUARDRAILS = "{errors: {tolerate: 0.2pp}, latency: {tolerate: 10%}}"


class StageText(Noun):
    """A bare share such as `5%` is short for `{share: 5%}`."""

    short_forms = ({"type": "string"},)

    share: Share = Field(examples=["5%"])
    bake: Duration | None = None
    gate: Literal["auto", "manual"] = "auto"

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"share": data} if isinstance(data, str) else data


class GuardrailText(Noun):
    """A bare tolerance such as `10%` is short for `{tolerate: 10%}`; nothing at all for the default."""

    short_forms = ({"type": "string"}, {"type": "null"})

    tolerate: Tolerance = DEFAULT

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {} if data is None else {"tolerate": data} if isinstance(data, str) else data


class UndecidedText(Noun):
    after: Duration = 86_400.0
    then: Literal["hold", "rollback"] = "hold"

    @field_validator("then", mode="before")
    @classmethod
    def _never(cls, value: Any) -> Any:
        if isinstance(value, str) and value.lower() in {"promote", "complete", "advance", "continue", "next"}:
            raise wrong(f"{quoted(value)} is not possible: never silently on", "write then: hold or then: rollback")
        return value

    @field_validator("after")
    @classmethod
    def _some(cls, value: float) -> float:
        if value <= 0:
            raise wrong("is zero", "write how long a stage may stay undecided, e.g. 24h")
        return value


class RolloutText(Noun):
    service: str = Field(default="", examples=["shop"])
    flag: str = Field(default="", examples=["checkout"])
    candidate: str = Field(examples=["v2"])
    stages: list[StageText] = Field(examples=[_STAGES])
    bake: Duration = 600.0
    guardrails: dict[str, GuardrailText] = Field(examples=[_GUARDRAILS])
    outcomes: dict[str, OutcomeText] = Field(default={})
    experiment: ExperimentText | None = None
    budget: BudgetText | None = None
    holdback: HoldbackText | None = None
    shield: Shield = "connect"
    on_harm: Literal["rollback", "hold"] = "rollback"
    if_undecided: UndecidedText = UndecidedText()
    profile: Profile = "balanced"
    audience: Audience = ""
    units: dict[str, Names] = Field(default={}, examples=["{v2: [ann]}"])
    environments: list[str] = Field(default=[])

    @field_validator("stages", mode="before", json_schema_input_type=list[StageText] | Literal["auto"])
    @classmethod
    def _auto(cls, stages: Any) -> Any:
        """An adaptive ramp names no stage; a list that is empty names none by mistake."""
        if stages == []:
            raise wrong("is empty", f"write e.g. stages: {_STAGES}")
        return [] if stages == "auto" else stages

    @field_validator("stages")
    @classmethod
    def _stages(cls, stages: list[StageText]) -> list[StageText]:
        if not stages:
            return stages
        for i, (before, after) in enumerate(pairwise(stages), start=1):
            if after.share <= before.share:
                shares = sorted({s.share for s in stages} | {WHOLE})
                right = ", ".join(map(percent, shares))
                raise wrong(
                    f"{percent(after.share)} does not rise above {percent(before.share)}", f"write [{right}]", (i,)
                )
        last = stages[-1]
        if last.share != WHOLE:
            raise wrong(f"end at {percent(last.share)}", "add 100% as the last stage", (len(stages) - 1,))
        if len(stages) == 1:
            raise wrong("go to 100% at once, with nobody left to compare with", f"write e.g. stages: {_STAGES}")
        if last.gate == "manual" or last.bake is not None:
            key = "gate: manual" if last.gate == "manual" else "bake"
            raise wrong(
                f"100% ends the rollout and has no {key}", f"put {key} on the stage before it", (len(stages) - 1,)
            )
        return stages

    @field_validator("guardrails", mode="before", json_schema_input_type=dict[str, GuardrailText] | list[str])
    @classmethod
    def _guardrails(cls, guardrails: Any) -> Any:
        named = dict.fromkeys(guardrails) if _is_names(guardrails) else guardrails
        if isinstance(named, dict | list) and not named:
            raise wrong("is empty: nothing would be watched", f"write e.g. guardrails: {_GUARDRAILS}")
        return named

    @field_validator("outcomes", mode="before", json_schema_input_type=dict[str, OutcomeText] | list[str])
    @classmethod
    def _outcomes(cls, outcomes: Any) -> Any:
        return dict.fromkeys(outcomes) if _is_names(outcomes) else outcomes

    @model_validator(mode="after")
    def _of_something(self) -> RolloutText:
        if not self.service and not self.flag:
            raise wrong("moves nothing", "add service: NAME, or flag: NAME")
        if self.flag and "shield" in self.model_fields_set:
            raise wrong("a flag has no shield: both variants are the same app", "remove it", ("shield",))
        if self.flag and self.units:
            raise wrong("are those of the flag", f"name them in flags.{self.flag}.units", ("units",))
        forced_by(self.units)
        return self

    @model_validator(mode="after")
    def _adaptive(self) -> RolloutText:
        if not self.stages and self.budget is None:
            raise wrong("stages: auto needs a budget", "add how many users may be hurt: budget: {units: 200}")
        if self.stages and self.budget is not None:
            message = "a budget goes with stages: auto, and the stages are named"
            raise wrong(message, "remove budget, or write stages: auto", ("budget",))
        return self

    @model_validator(mode="after")
    def _tested(self) -> RolloutText:
        """The experiment is one of the stages, and its primary outcome one of the outcomes."""
        if self.experiment is None:
            return self
        shares = [s.share for s in self.stages[:-1]] or [HALF]
        if self.experiment.share not in shares:
            known = ", ".join(map(percent, shares))
            message = f"{percent(self.experiment.share)} is no stage"
            raise wrong(message, f"write one of {known}, or add the stage", ("experiment", "share"))
        if self.experiment.primary not in self.outcomes:
            name = self.experiment.primary
            fix = did_you_mean(name, self.outcomes) if self.outcomes else f"add e.g. outcomes: {_OUTCOMES}"
            raise wrong(f"{quoted(name)} is none of the outcomes", fix, ("experiment", "primary"))
        if self.candidate in self.experiment.beside:
            message = f"{self.candidate} is the candidate already"
            raise wrong(message, "name other versions", ("experiment", "beside"))
        return self

    @model_validator(mode="after")
    def _once(self) -> RolloutText:
        for name in self.outcomes:
            if name in self.guardrails:
                message = f"{name} is a guardrail already, and that proves more"
                raise wrong(message, "name it once: in outcomes, or in guardrails", ("outcomes", name))
        return self

    @model_validator(mode="after")
    def _held_back(self) -> RolloutText:
        if self.holdback is None:
            return self
        most = WHOLE - self.holdback.share
        for i, stage in enumerate(self.stages[:-1]):
            if stage.share >= most:
                message = f"{percent(stage.share)} leaves nobody to hold back: the holdback has {percent(most)}"
                raise wrong(message, f"end below {percent(most)} before 100%", ("stages", i))
        return self

    @model_validator(mode="after")
    def _patient(self) -> RolloutText:
        adaptive = self.bake if self.budget is None or self.budget.bake is None else self.budget.bake
        bake = max([self.bake if s.bake is None else s.bake for s in self.stages[:-1]], default=adaptive)
        if self.if_undecided.after < bake:
            after = format_duration(self.if_undecided.after)
            message = f"{after} ends before a stage has baked for {format_duration(bake)}"
            raise wrong(message, f"write at least {format_duration(bake)}", ("if_undecided", "after"))
        return self

    def to_model(
        self, name: str, baseline: str, metrics: Mapping[str, Metric], directions: Mapping[str, Direction]
    ) -> RolloutSpec:
        """`metrics` holds every guardrail's and outcome's metric. Raises KeyError otherwise."""
        stages = [Stage(s.share, self.bake if s.bake is None else s.bake, s.gate) for s in self.stages[:-1]]
        return RolloutSpec(
            name=name,
            service=self.service,
            baseline=baseline,
            candidate=self.candidate,
            stages=(*stages, Stage(WHOLE, 0.0)) if stages else (),
            guardrails=tuple(Guardrail(metrics[m], g.tolerate) for m, g in self.guardrails.items()),
            shield=self.shield,
            on_harm=self.on_harm,
            if_undecided=Undecided(self.if_undecided.after, self.if_undecided.then),
            profile=self.profile,
            outcomes=tuple(o.to_model(metrics[m]) for m, o in self.outcomes.items()),
            experiment=self.experiment.to_model() if self.experiment else None,
            budget=self.budget.to_model(self.bake) if self.budget else None,
            holdback=self.holdback.to_model() if self.holdback else None,
            directions=tuple(sorted(directions.items())),
            flag=self.flag,
            audience=self.audience,
            forced=forced_by(self.units),
        )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
