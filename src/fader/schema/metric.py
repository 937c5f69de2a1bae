"""`metrics:` of fader.yaml, and the two that need not be written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from fader.model.external import External
from fader.model.metric import REQUEST, REQUEST_FIELDS, Comparison, Direction, Metric, Selection
from fader.schema.duration import Duration, format_duration
from fader.schema.event import Event
from fader.schema.noun import Noun
from fader.schema.suggest import did_you_mean, quoted, wrong
from fader.schema.where import parse_where

_VALUES = tuple(name for name, kind in REQUEST_FIELDS.items() if kind == "number" and name != "status")
_PROPERTY = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
_KINDS = Literal["proportion", "quantile", "count", "mean", "ratio", "retention", "external"]

#: Known without being written; a metric of the same name in the file takes their place.
BUILT_IN = (
    Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)),
    Metric("latency", "quantile", value="duration_ms", q=0.95),
)

#: Beside kind, event, where, better and unit: what each kind takes, and what it needs with an example of it.
_TAKES: dict[str, set[str]] = {
    "proportion": {"of", "window"},
    "quantile": {"of", "value", "q"},
    "count": {"window", "cap"},
    "mean": {"value", "window", "cap"},
    "ratio": {"value", "per", "window"},
    "retention": {"after", "window"},
    "external": {"provider", "events", "total", "series", "path", "every"},
}
_NEEDS: dict[str, dict[str, str]] = {
    "proportion": {},
    "quantile": {"q": "q: 0.95", "value": "value: duration_ms"},
    "count": {},
    "mean": {"value": "value: amount"},
    "ratio": {"per": "per: {event: visit}"},
    "retention": {"after": "after: 1d", "window": "window: 7d"},
    "external": {"provider": "provider: prom"},
}
_ALWAYS = {"kind", "event", "where", "better", "unit"}


def _conditions(value: object, info: ValidationInfo) -> tuple[Comparison, ...]:
    """A condition knows the fields of requests; an app's properties may be called anything."""
    return parse_where(value, tracked=info.data.get("event", REQUEST) != REQUEST)


def _known_value(event: str, value: str, at: tuple[str, ...]) -> None:
    if event == REQUEST and value not in _VALUES:
        raise wrong(f"there is no value {quoted(value)}", did_you_mean(value, _VALUES), at)
    if event != REQUEST and not _PROPERTY.fullmatch(value):
        raise wrong(f"{quoted(value)} cannot be a property", "write one word, e.g. value: amount", at)


class PerText(Noun):
    """What a ratio is divided by; a bare name such as `visit` is short for `{event: visit}`."""

    short_forms = ({"type": "string"},)

    event: Event = REQUEST
    where: tuple[Comparison, ...] = ()
    value: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"event": data} if isinstance(data, str) else data

    @field_validator("where", mode="before", json_schema_input_type=str)
    @classmethod
    def _where(cls, value: object, info: ValidationInfo) -> tuple[Comparison, ...]:
        return _conditions(value, info)

    @model_validator(mode="after")
    def _whole(self) -> PerText:
        if self.value:
            _known_value(self.event, self.value, ("value",))
        return self

    def to_model(self) -> Selection:
        return Selection(self.event, self.where, self.value)


class MetricText(Noun):
    kind: _KINDS = Field(examples=["proportion"])
    of: Literal["requests", "units"] = "requests"
    event: Event = REQUEST
    where: tuple[Comparison, ...] = ()
    value: str = ""
    q: float = 0.0
    per: PerText | None = None
    after: Duration = 0.0
    window: Duration = 0.0
    cap: float = 0.0
    unit: str = Field(default="", max_length=16)
    provider: str = ""
    events: str = Field(default="", max_length=4000)
    total: str = Field(default="", max_length=4000)
    series: str = Field(default="", max_length=4000)
    path: str = Field(default="", max_length=2000)
    every: Duration = 15.0
    better: Literal["lower", "higher"] | None = None

    @field_validator("where", mode="before", json_schema_input_type=str)
    @classmethod
    def _where(cls, value: object, info: ValidationInfo) -> tuple[Comparison, ...]:
        return _conditions(value, info)

    @model_validator(mode="after")
    def _whole(self) -> MetricText:
        given = self.model_fields_set
        article = "an external metric" if self.kind == "external" else f"a {self.kind}"
        for key in sorted(given - _ALWAYS - _TAKES[self.kind]):
            others = [k for k, takes in _TAKES.items() if key in takes]
            fix = f"remove {key}, or write kind: {others[0]}"
            raise wrong(f"{article} has no {key}", fix, (key,))
        for key, example in _NEEDS[self.kind].items():
            if key not in given:
                raise wrong(f"{article} needs {key}", f"add e.g. {example}")
        if self.value:
            _known_value(self.event, self.value, ("value",))
        self._counted()
        self._numbers()
        self._asked()
        return self

    def _counted(self) -> None:
        """What is counted must be able to differ between users."""
        if self.kind == "proportion" and not self.where and (self.of == "requests" or self.event == REQUEST):
            fix = 'add which requests count, e.g. where: "status >= 500"'
            if self.event != REQUEST:
                fix = f"write of: units for the share of users with one, or add where: which {self.event} counts"
            raise wrong("a proportion needs where", fix)
        if self.of == "units" and self.kind == "quantile":
            raise wrong("a quantile is of requests", "remove of: units", ("of",))
        if self.window and self.kind == "proportion" and self.of == "requests":
            message = "a proportion of requests has no window"
            raise wrong(message, "remove window, or write of: units", ("window",))

    def _asked(self) -> None:
        """Counters or a series, and nothing of what fader itself counts."""
        if self.kind != "external":
            return
        for key in ("event", "where"):
            if key in self.model_fields_set:
                raise wrong(f"an external metric has no {key}", f"remove {key}: the provider selects", (key,))
        counters = bool(self.events), bool(self.total)
        if self.series and any(counters):
            key = "events" if self.events else "total"
            raise wrong("counters and a series at once", "write events and total, or series", (key,))
        if not self.series and not all(counters):
            missing = "events" if self.total else "total"
            message = f"an external metric needs {missing}" if any(counters) else "nothing says what to ask for"
            raise wrong(message, "add events and total for counters, or series for a level")

    def _numbers(self) -> None:
        if self.kind == "quantile" and not 0.5 <= self.q <= 0.999:
            raise wrong(f"q is {self.q:g}, outside 0.5 to 0.999", "write e.g. q: 0.95 for the 95th percentile", ("q",))
        if self.kind == "retention" and self.window <= self.after:
            window, after = format_duration(self.window), format_duration(self.after)
            raise wrong(f"the window of {window} ends before {after} have passed", "write a longer window", ("window",))
        if "cap" in self.model_fields_set and not 0 < self.cap < float("inf"):
            raise wrong(f"cap is {self.cap:g}", "write the most that counts of one user, e.g. cap: 500", ("cap",))

    @property
    def by_request(self) -> bool:
        """Measured by the gateway alone, as errors and latency are: less is better unless it is said."""
        return self.event == REQUEST and self.kind in ("proportion", "quantile") and self.of == "requests"

    def direction(self, declared: Mapping[str, Direction]) -> Direction | None:
        """As written, or as `events:` declares of its event, or as its kind has it; None where nothing says."""
        usual: Direction | None = "lower" if self.by_request else "higher" if self.kind == "retention" else None
        plain = None if self.kind in ("ratio", "external") else declared.get(self.event)
        return self.better or plain or usual

    def to_model(self, name: str, declared: Mapping[str, Direction], external: External | None = None) -> Metric:
        return Metric(
            name,
            self.kind,
            self.direction(declared) or "lower",
            self.where,
            self.value,
            self.q,
            self.of,
            self.event,
            self.per.to_model() if self.per else None,
            self.window,
            self.after,
            self.cap,
            self.unit,
            external,
        )
