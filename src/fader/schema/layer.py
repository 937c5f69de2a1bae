"""`layers:` and `holdouts:` of fader.yaml: which rollouts share no units, and which units no rollout reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import Field, model_validator

from fader.errors import Problem
from fader.model.holdout import Holdout
from fader.model.metric import Metric
from fader.model.rollout import Outcome, RolloutSpec
from fader.model.share import WHOLE, Draw, Interval, percent
from fader.schema.crosscheck import written_names
from fader.schema.noun import Noun
from fader.schema.share import Share
from fader.schema.source import Location, Source
from fader.schema.suggest import did_you_mean, quoted, wrong
from fader.schema.tolerance import DEFAULT


class LayerText(Noun):
    """Each rollout has a share of the units, none of which another one of the layer has. A bare mapping of rollouts is
    short for `{rollouts: {...}}`."""

    short_forms = ({"type": "object", "additionalProperties": {"type": "string"}},)

    rollouts: dict[str, Share] = Field(examples=["{new-form: 50%, new-price: 50%}"])

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"rollouts": data} if isinstance(data, dict) and set(data) != {"rollouts"} else data

    @model_validator(mode="after")
    def _whole(self) -> LayerText:
        if (shares := sum(self.rollouts.values())) > WHOLE:
            message = f"its shares make {percent(shares)}"
            raise wrong(message, "make them 100% together, or less", ("rollouts",))
        return self

    def draws(self, name: str) -> dict[str, Draw]:
        """By rollout, one slice after the other, in the order of the file."""
        found, start = {}, 0
        for rollout, share in self.rollouts.items():
            found[rollout] = Draw(f"layer/{name}", Interval(start, share))
            start += share
        return found


class HoldoutText(Noun):
    """`share` of the units get none of `rollouts`; without a list, none at all. A bare share is short for it.

    It is read on `metrics`; without a list, on those of the rollouts."""

    short_forms = ({"type": "string"},)

    share: Share = Field(examples=["5%"])
    rollouts: list[str] = Field(default=[])
    metrics: list[str] = Field(default=[], examples=["[revenue, errors]"])

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"share": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _some_left(self) -> HoldoutText:
        if self.share == WHOLE:
            raise wrong("holds everybody out", "leave somebody for the rollouts, e.g. share: 5%", ("share",))
        return self

    def draw(self, name: str) -> Draw:
        return Draw(f"holdout/{name}", Interval(0, self.share))

    def to_model(self, name: str, rollouts: Iterable[RolloutSpec], metrics: Mapping[str, Metric]) -> Holdout:
        """`metrics` holds all that it names. Raises KeyError otherwise. What a provider counts knows no units."""
        under = [spec for spec in rollouts if not self.rollouts or spec.name in self.rollouts]
        found: dict[str, Outcome] = {}
        for outcome in (o for spec in under for o in spec.outcomes):
            found.setdefault(outcome.metric.name, outcome)
        for guardrail in (g for spec in under for g in spec.guardrails):
            found.setdefault(guardrail.metric.name, Outcome(guardrail.metric, guardrail.tolerate))
        if self.metrics:
            found = {m: found.get(m, Outcome(metrics[m], DEFAULT)) for m in self.metrics}
        read = tuple(o for o in found.values() if o.metric.kind != "external")
        return Holdout(name, self.draw(name), tuple(self.rollouts), read)


def layer_of(rollout: str, layers: Mapping[str, LayerText]) -> Draw | None:
    return next((draws[rollout] for name, layer in layers.items() if rollout in (draws := layer.draws(name))), None)


def holdouts_of(rollout: str, holdouts: Mapping[str, HoldoutText]) -> tuple[Draw, ...]:
    return tuple(h.draw(name) for name, h in holdouts.items() if not h.rollouts or rollout in h.rollouts)


def reach_problems(
    layers: Mapping[str, LayerText],
    holdouts: Mapping[str, HoldoutText],
    metrics: Mapping[str, Metric],
    source: Source,
) -> Iterator[Problem]:
    """Rollouts and metrics that do not exist or cannot be read, and a rollout that is in two layers."""
    known, placed = written_names(source.data, "rollouts"), dict[str, str]()
    for name, layer in layers.items():
        at: Location = ("layers", name, *(("rollouts",) if _is_long(source, name) else ()))
        yield from _unknown(layer.rollouts, at, known, source)
        for rollout in layer.rollouts:
            if (other := placed.setdefault(rollout, name)) != name:
                yield source.problem((*at, rollout), f"{rollout} is in layer {other} already", "name it in one layer")
    for name, holdout in holdouts.items():
        yield from _unknown(holdout.rollouts, ("holdouts", name, "rollouts"), known, source)
        yield from _unread(holdout.metrics, ("holdouts", name, "metrics"), metrics, source)


def _unknown(names: Iterable[str], at: Location, known: Mapping[str, object], source: Source) -> Iterator[Problem]:
    for i, name in enumerate(names):
        if name not in known:
            where = (*at, i if at[0] == "holdouts" else name)
            fix = did_you_mean(name, known) if known else "write it under rollouts:"
            yield source.problem(where, f"there is no rollout {quoted(name)}", fix)


def _unread(names: Iterable[str], at: Location, metrics: Mapping[str, Metric], source: Source) -> Iterator[Problem]:
    written = written_names(source.data, "metrics")
    for i, name in enumerate(names):
        if name in metrics and metrics[name].kind == "external":
            message, fix = f"{name} is external and knows no users", "name a metric that fader measures"
            yield source.problem((*at, i), message, fix)
        elif name not in metrics and name not in written:
            yield source.problem((*at, i), f"there is no metric {quoted(name)}", did_you_mean(name, metrics))


def _is_long(source: Source, layer: str) -> bool:
    return set(written_names(source.data, "layers", layer)) == {"rollouts"}
