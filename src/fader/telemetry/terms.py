"""Conditions and values of metrics as SQL over rows. Everything a person wrote travels as a parameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.errors import BadInput, Problem
from fader.model.metric import REQUEST_FIELDS, Comparison
from fader.model.summary import GAMMA
from fader.ports.events import CellMetric
from fader.telemetry.tracked import NAME

#: The two tables of events: what gateways logged, and what apps tracked.
Source = Literal["requests", "tracked"]

#: name of a field → the column expression that holds it, NULL where unknown.
COLUMNS = {
    "status": "coalesce(c, 0)",
    "duration_ms": "(us / 1000.0)",
    "bytes_received": "rx",
    "bytes_sent": "tx",
    "method": "m",
    "path": "path",
}
OPERATORS = {"==": "=", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}

#: A unit of the candidate that the baseline had to answer, or that got no answer but an error of the gateway.
#: Nobody answering *without* an error means that the client went away or was refused: no fault of the candidate.
DEFLECTED = "(v = $candidate AND (w <> v OR (w IS NULL AND c >= 500)))"

#: The smallest value that has a bin of its own; zero and what lies below share it.
SMALLEST = 0.001


@dataclass(frozen=True, slots=True)
class Terms:
    """Boolean SQL: is a request `selected` for the metric, an `event`, `over` the margin. `bin`: "" without one."""

    selected: str
    event: str
    over: str
    bin: str
    parameters: dict[str, float | str]

    def fill(self, query: str) -> str:
        """The query with each `/*name*/` replaced by that term."""
        for name in ("selected", "event", "over", "bin"):
            query = query.replace(f"/*{name}*/", getattr(self, name))
        return query


def terms(cell_metric: CellMetric, key: str, deflected: bool = True) -> Terms:
    """`key` makes the parameters' names unique; without `deflected` only `where` makes an event of a proportion.

    Raises BadInput for a field or an operator that does not exist.
    """
    metric = cell_metric.metric
    parameters: dict[str, float | str] = {}
    where = " AND ".join(compare("requests", c, f"{key}w{i}", parameters) for i, c in enumerate(metric.where)) or "true"
    if metric.kind == "proportion":
        event = f"({where})"
        if deflected:
            event += f" OR {DEFLECTED}" if metric.better == "lower" else f" AND NOT coalesce({DEFLECTED}, false)"
        return Terms("true", f"({event})", "false", "", parameters)
    value = column("requests", metric.value, number=True)
    selected = f"({where} AND {value} IS NOT NULL)"
    parameters[f"{key}x"] = cell_metric.threshold
    parameters[f"{key}m"] = cell_metric.margin_threshold
    return Terms(
        selected,
        f"({selected} AND {value} > ${key}x)",
        f"({selected} AND {value} > ${key}m)",
        bin_of(value),
        parameters,
    )


def compare(source: Source, comparison: Comparison, name: str, parameters: dict[str, float | str]) -> str:
    """A condition on a row. A value that is unknown fulfils none. Raises BadInput."""
    number = not isinstance(comparison.value, str)
    if comparison.operator not in (OPERATORS if number else ("==", "!=")):
        raise BadInput(Problem(f"{comparison.field} cannot be compared by {comparison.operator!r}"))
    parameters[name] = float(comparison.value) if number else comparison.value
    return f"{column(source, comparison.field, number)} {OPERATORS[comparison.operator]} ${name}"


def column(source: Source, field: str, number: bool) -> str:
    """The expression that holds a field of a request or a property of a tracked event; NULL where it is unknown."""
    if source == "requests":
        return _field(field, number)
    if not NAME.fullmatch(field):
        raise BadInput(Problem(f"no event has a property called {field!r}", "use letters, digits and _ . : -"))
    if number:
        return f"TRY_CAST(json_extract_string(numbers, '$.\"{field}\"') AS DOUBLE)"
    return f"nullif(json_extract_string(texts, '$.\"{field}\"'), '')"


def bin_of(value: str) -> str:
    """The log bin of a positive number, as `Histogram` has them."""
    return f"CAST(ceil(ln(greatest({value}, {SMALLEST})) / ln({GAMMA!r})) AS INTEGER)"


def _field(field: str, number: bool) -> str:
    kind = "number" if number else "text"
    if REQUEST_FIELDS.get(field) != kind:
        known = ", ".join(name for name, k in REQUEST_FIELDS.items() if k == kind)
        raise BadInput(Problem(f"a request has no {kind} called {field!r}", f"one of {known}"))
    return COLUMNS[field]
