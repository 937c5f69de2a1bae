"""How request events become a number per unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.external import External

Direction = Literal["lower", "higher"]
Operator = Literal["==", "!=", "<", "<=", ">", ">="]

#: What a request event offers to `where` and `value`: name → "number" or "text".
REQUEST_FIELDS: dict[str, Literal["number", "text"]] = {
    "status": "number",
    "duration_ms": "number",
    "bytes_received": "number",
    "bytes_sent": "number",
    "method": "text",
    "path": "text",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator value`, e.g. status >= 500. A text is compared with == and != only."""

    field: str
    operator: Operator
    value: float | str


Kind = Literal["proportion", "quantile", "count", "mean", "ratio", "retention", "external"]

#: The name of the events that the gateway writes; any other name is an outcome that an app tracks.
REQUEST = "request"


@dataclass(frozen=True, slots=True)
class Selection:
    """Events called `event` for which all of `where` hold; summed is their property `value`, or "" counts them."""

    event: str = REQUEST
    where: tuple[Comparison, ...] = ()
    value: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """How the selected events (`event`, `where`, `value`) become a numerator y and a denominator n per unit.

    `proportion` of `requests`: y counts the selected events, n all events called `event`; of `units`: y is 1 once
    there is one, n is 1 for each exposed unit. `count`: y counts them, n = 1. `mean`: y sums `value`, n = 1.
    `ratio`: y counts or sums the selected ones, n those of `per`. `quantile`: the `q` quantile of `value` over them
    (y: those beyond a threshold). `retention`: y is 1 when one occurs between `after` and `window` seconds after
    the unit's first exposure, n is 1 for units whose `window` has passed. `external`: arms as somebody else counted
    them, asked for as `external` says.

    `window`: seconds from the first exposure in which events count; 0 is without end. `cap`: the most of y that
    counts per unit (winsorising), 0 for none. `unit`: what the value is measured in, for display ("ms", "EUR").
    """

    name: str
    kind: Kind
    better: Direction = "lower"
    where: tuple[Comparison, ...] = ()
    value: str = ""
    q: float = 0.0
    of: Literal["requests", "units"] = "requests"
    event: str = REQUEST
    per: Selection | None = None
    window: float = 0.0
    after: float = 0.0
    cap: float = 0.0
    unit: str = ""
    external: External | None = None

    @property
    def is_share(self) -> bool:
        """Whether its number is a share of what it is counted over, so that percentage points make sense."""
        counters = self.external is not None and self.external.counters
        return self.kind in ("proportion", "retention") or counters


@dataclass(frozen=True, slots=True)
class Margin:
    """The rise that would be accepted at 100 %. absolute: a share (0.002 is 0.2 pp). relative: 0.1 is 10 %."""

    kind: Literal["absolute", "relative"]
    value: float
