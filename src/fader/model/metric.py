"""How request events become a number per unit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

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


@dataclass(frozen=True, slots=True)
class Metric:
    """`proportion`: share of requests for which all comparisons of `where` hold.
    `quantile`: the `q` quantile of the field `value` over the requests that `where` (if any) selects.
    """

    name: str
    kind: Literal["proportion", "quantile"]
    better: Direction = "lower"
    where: tuple[Comparison, ...] = ()
    value: str = ""
    q: float = 0.0
    of: Literal["requests"] = "requests"


@dataclass(frozen=True, slots=True)
class Margin:
    """The rise that would be accepted at 100 %. absolute: a share (0.002 is 0.2 pp). relative: 0.1 is 10 %."""

    kind: Literal["absolute", "relative"]
    value: float
