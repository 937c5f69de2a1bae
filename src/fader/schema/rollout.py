"""`rollouts:` of fader.yaml."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from fader.model.metric import Metric
from fader.model.rollout import Guardrail, Profile, RolloutSpec, Shield, Stage, Undecided
from fader.model.share import WHOLE, percent
from fader.schema.duration import Duration, format_duration
from fader.schema.noun import Noun
from fader.schema.share import Share
from fader.schema.suggest import quoted, wrong
from fader.schema.tolerance import DEFAULT, Tolerance

_STAGES = "[5%, 10%, 25%, 50%, 100%]"
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
    service: str = Field(examples=["shop"])
    candidate: str = Field(examples=["v2"])
    stages: list[StageText] = Field(examples=[_STAGES])
    bake: Duration = 600.0
    guardrails: dict[str, GuardrailText] = Field(examples=[_GUARDRAILS])
    shield: Shield = "connect"
    on_harm: Literal["rollback", "hold"] = "rollback"
    if_undecided: UndecidedText = UndecidedText()
    profile: Profile = "balanced"

    @field_validator("stages")
    @classmethod
    def _stages(cls, stages: list[StageText]) -> list[StageText]:
        if not stages:
            raise wrong("is empty", f"write e.g. stages: {_STAGES}")
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

    @model_validator(mode="after")
    def _patient(self) -> RolloutText:
        bake = max([self.bake if s.bake is None else s.bake for s in self.stages[:-1]])
        if self.if_undecided.after < bake:
            after = format_duration(self.if_undecided.after)
            message = f"{after} ends before a stage has baked for {format_duration(bake)}"
            raise wrong(message, f"write at least {format_duration(bake)}", ("if_undecided", "after"))
        return self

    def to_model(self, name: str, baseline: str, metrics: dict[str, Metric]) -> RolloutSpec:
        """`metrics` holds every guardrail's metric. Raises KeyError otherwise."""
        stages = [Stage(s.share, self.bake if s.bake is None else s.bake, s.gate) for s in self.stages[:-1]]
        return RolloutSpec(
            name=name,
            service=self.service,
            baseline=baseline,
            candidate=self.candidate,
            stages=(*stages, Stage(WHOLE, 0.0)),
            guardrails=tuple(Guardrail(metrics[m], g.tolerate) for m, g in self.guardrails.items()),
            shield=self.shield,
            on_harm=self.on_harm,
            if_undecided=Undecided(self.if_undecided.after, self.if_undecided.then),
            profile=self.profile,
        )


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
