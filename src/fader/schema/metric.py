"""`metrics:` of fader.yaml, and the two that need not be written."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from fader.model.metric import REQUEST_FIELDS, Comparison, Metric
from fader.schema.noun import Noun
from fader.schema.suggest import did_you_mean, quoted, wrong
from fader.schema.where import Where

_VALUES = tuple(name for name, kind in REQUEST_FIELDS.items() if kind == "number" and name != "status")

#: Known without being written; a metric of the same name in the file takes their place.
BUILT_IN = (
    Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)),
    Metric("latency", "quantile", value="duration_ms", q=0.95),
)


class MetricText(Noun):
    kind: Literal["proportion", "quantile"] = Field(examples=["proportion"])
    of: Literal["requests"] = "requests"
    where: Where = ()
    value: str = ""
    q: float = 0.0
    better: Literal["lower", "higher"] = "lower"

    @model_validator(mode="after")
    def _whole(self) -> MetricText:
        given = self.model_fields_set
        if self.kind == "proportion":
            if not self.where:
                raise wrong("a proportion needs where", 'add which requests count, e.g. where: "status >= 500"')
            if extra := sorted(given & {"q", "value"}):
                raise wrong(
                    f"a proportion has no {extra[0]}", f"remove {extra[0]}, or write kind: quantile", (extra[0],)
                )
            return self
        if "q" not in given:
            raise wrong("a quantile needs q", "add e.g. q: 0.95")
        if not 0.5 <= self.q <= 0.999:
            raise wrong(f"q is {self.q:g}, outside 0.5 to 0.999", "write e.g. q: 0.95 for the 95th percentile", ("q",))
        if "value" not in given:
            raise wrong("a quantile needs value", "add e.g. value: duration_ms")
        if self.value not in _VALUES:
            raise wrong(f"there is no value {quoted(self.value)}", did_you_mean(self.value, _VALUES), ("value",))
        return self

    def to_model(self, name: str) -> Metric:
        return Metric(name, self.kind, self.better, self.where, self.value, self.q, self.of)
