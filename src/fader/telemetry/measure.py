"""A metric as what is kept of each unit and as the SQL that fills it. What a person wrote travels as a parameter.

A metric is *direct* when it is of requests as they come, each in the arm that it was assigned to (the error rate,
the latency). Every other one is of what units do from their first exposure on.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fader.errors import BadInput, Problem
from fader.model.metric import REQUEST, Comparison, Metric
from fader.ports.events import CellMetric
from fader.telemetry.terms import DEFLECTED, Source, bin_of, column, compare, terms
from fader.telemetry.tracked import EXPOSURE, NAME

#: Sums of values are whole numbers of this fraction of their unit, so that adding and taking out is exact.
RESOLUTION = 1_000_000
#: The largest value that counts of one event, and the largest sum of one unit; what is beyond counts as this.
LARGEST = 100_000_000.0
#: Events of a unit that count in the sums of one stage, for a proportion of requests (the cap of the clustered ratio).
EVENT_CAP = 5
#: Of retention, units of the same this many seconds of first exposure become ripe together.
RIPENING = 300


@dataclass(frozen=True, slots=True)
class Measure:
    """`y_scale`, `n_scale`: what a kept whole number is divided by. `cap` is in kept numbers, 0 for none."""

    index: int
    cell_metric: CellMetric
    direct: bool
    y_scale: int
    n_scale: int
    cap: int

    @property
    def metric(self) -> Metric:
        return self.cell_metric.metric

    @property
    def quantile(self) -> bool:
        return self.metric.kind == "quantile"

    @property
    def own_n(self) -> bool:
        """Whether n is counted; otherwise it is 1 for each exposed unit."""
        return self.metric.kind in ("ratio", "quantile") or (
            self.metric.kind == "proportion" and self.metric.of == "requests"
        )

    @property
    def ripens(self) -> bool:
        return self.metric.kind == "retention"

    @property
    def external(self) -> bool:
        return self.metric.kind == "external"

    @property
    def all_kept(self) -> bool:
        """Whether units outside the sample show in `first` and `failures`: lines of failures are always kept."""
        return self.metric.event == REQUEST

    @property
    def events(self) -> tuple[str, ...]:
        """The names of the tracked events that it is about."""
        named = (self.metric.event, self.metric.per.event if self.metric.per else REQUEST)
        return tuple(name for name in named if name != REQUEST)

    @property
    def kinds(self) -> dict[str, str]:
        """What is kept of a unit: y, n, o (over), f (events among all lines kept), e (time of its first event)."""
        i = self.index
        if self.external:
            return {}
        kept = {f"y{i}": "i8" if self.y_scale > 1 else "i4", f"e{i}": "f8"}
        if self.own_n:
            kept[f"n{i}"] = "i8" if self.n_scale > 1 else "i4"
        if self.quantile:
            kept[f"o{i}"] = "i4"
        if self.direct:
            kept[f"f{i}"] = "i4"
        return kept

    def direct_columns(self, parameters: dict[str, float | str]) -> list[str]:
        """Over rows of `requests`, grouped by unit and arm."""
        i = self.index
        term = terms(self.cell_metric, f"a{i}")
        parameters |= term.parameters
        inside = "p IS NOT NULL AND "
        columns = [
            f"{_count(inside + term.event)} AS y{i}",
            f"min(CASE WHEN {term.event} THEN t END) AS e{i}",
            f"{_count(inside + term.selected)} AS n{i}",
            f"{_count(term.event)} AS f{i}",
        ]
        if self.quantile:
            columns.append(f"{_count(inside + term.over)} AS o{i}")
        return columns

    def event_columns(self, source: Source, parameters: dict[str, float | str], within: str = "") -> list[str]:
        """Over rows of `source` joined with exposures that have a `first`, grouped by unit and arm. `within` takes
        the place of the window from the first exposure."""
        i, metric = self.index, self.metric
        within = within or self.window
        columns = []
        if (metric.event == REQUEST) == (source == "requests"):
            named = _named(source, metric.event, f"{i}", parameters)
            selected = f"({within} AND {named} AND {self._selected(source, parameters)})"
            if self.quantile:
                value = column(source, metric.value, number=True)
                parameters[f"x{i}"], parameters[f"m{i}"] = self.cell_metric.threshold, self.cell_metric.margin_threshold
                columns += [
                    f"{_count(f'{selected} AND {value} IS NOT NULL')} AS n{i}",
                    f"{_count(f'{selected} AND {value} > $m{i}')} AS o{i}",
                ]
                selected = f"({selected} AND {value} > $x{i})"
                columns.append(f"{_count(selected)} AS y{i}")
            else:
                selected, amount = _amount(source, metric.value if self.y_scale > 1 else "", selected)
                columns.append(f"{amount} AS y{i}")
                if metric.kind == "proportion" and self.own_n:
                    columns.append(f"{_count(f'{within} AND {named}')} AS n{i}")
            columns.append(f"min(CASE WHEN {selected} THEN t END) AS e{i}")
        per = metric.per
        if metric.kind == "ratio" and per is not None and (per.event == REQUEST) == (source == "requests"):
            named = _named(source, per.event, f"d{i}", parameters)
            where = _where(source, per.where, f"d{i}", parameters)
            columns.append(f"{_amount(source, per.value, f'({within} AND {named} AND {where})')[1]} AS n{i}")
        return columns

    def value_terms(self, source: Source, parameters: dict[str, float | str]) -> tuple[str, str]:
        """Which rows have a value that counts, and its bin; "" when they are in the other table, or no quantile is of
        them."""
        if not self.quantile or (self.metric.event == REQUEST) != (source == "requests"):
            return "", ""
        value = column(source, self.metric.value, number=True)
        named = _named(source, self.metric.event, f"{self.index}", parameters)
        where = self._selected(source, parameters)
        return f"{self.window} AND {named} AND {where} AND {value} IS NOT NULL", bin_of(value)

    def past_columns(self, source: Source, parameters: dict[str, float | str]) -> list[str]:
        """Over rows of `source` of another time, grouped by unit: p as y, q as n, without exposures or a window."""
        i = self.index
        if self.direct:
            if source == "tracked":
                return []
            term = terms(self.cell_metric, f"a{i}", deflected=False)
            parameters |= term.parameters
            return [f"{_count(term.event)} AS p{i}", f"{_count(term.selected)} AS q{i}"]
        columns = self.event_columns(source, parameters, "true")
        names = {f" AS y{i}": f" AS p{i}", f" AS n{i}": f" AS q{i}"}
        return [c.replace(old, new) for c in columns for old, new in names.items() if c.endswith(old)]

    @property
    def window(self) -> str:
        """Times are of the specification, never texts of a person."""
        begin = f"t >= first + {float(self.metric.after)!r}" if self.metric.after else "t >= first"
        return f"{begin} AND t < first + {float(self.metric.window)!r}" if self.metric.window else begin

    def _selected(self, source: Source, parameters: dict[str, float | str]) -> str:
        where = _where(source, self.metric.where, f"{self.index}", parameters)
        if self.metric.kind == "proportion" and source == "requests" and "candidate" in parameters:
            if self.metric.better == "lower":
                return f"({where} OR {DEFLECTED})"
            return f"({where} AND NOT coalesce({DEFLECTED}, false))"
        return where


def measures(cell_metrics: Iterable[CellMetric], *, by_request: bool = True) -> tuple[Measure, ...]:
    """`by_request`: whether requests say which arm they are in; of a flag they do not, and none is direct.

    Raises BadInput for a field, an operator or a name that cannot be.
    """
    return tuple(_measure(i, m, by_request) for i, m in enumerate(cell_metrics))


def _measure(index: int, cell_metric: CellMetric, by_request: bool) -> Measure:
    m = cell_metric.metric
    direct = (
        by_request
        and m.event == REQUEST
        and not m.window
        and not m.after
        and (m.kind == "quantile" or (m.kind == "proportion" and m.of == "requests"))
    )
    summed = m.kind in ("mean", "ratio") and bool(m.value)
    y_scale = RESOLUTION if summed else 1
    n_scale = RESOLUTION if m.kind == "ratio" and m.per is not None and m.per.value else 1
    cap = m.cap
    if m.kind == "retention" or (m.kind == "proportion" and m.of == "units"):
        cap = 1
    elif m.kind == "proportion" and not cap:
        cap = EVENT_CAP
    elif m.kind == "quantile":
        # Above a threshold that everybody passes now and then, a cap would turn a share of requests into a count of
        # units, and healthy heavy users into proof of nothing.
        cap = 0
    made = Measure(index, cell_metric, direct, y_scale, n_scale, fixed(cap, y_scale))
    _check(made)
    return made


def _check(measure: Measure) -> None:
    """Raises BadInput; the SQL itself is thrown away."""
    m = measure.metric
    if measure.external:
        return
    if measure.direct:
        measure.direct_columns({})
        return
    for name in (m.event, m.per.event if m.per else REQUEST):
        if name == EXPOSURE or not NAME.fullmatch(name):
            raise BadInput(Problem(f"{m.name}: no metric can be of events called {name!r}", "name an outcome"))
    if m.kind in ("mean", "quantile") and not m.value:
        raise BadInput(Problem(f"{m.name}: a {m.kind} needs a value", "say which property is summed"))
    if m.kind == "ratio" and m.per is None:
        raise BadInput(Problem(f"{m.name}: a ratio needs `per`", "say which events it is divided by"))
    if m.kind == "retention" and not m.window > m.after >= 0:
        raise BadInput(Problem(f"{m.name}: the window of retention ends before it begins", "let it end later"))
    measure.event_columns("requests", {"candidate": ""})
    measure.event_columns("tracked", {"candidate": ""})


def fixed(value: float, scale: int) -> int:
    """A value as a kept whole number: to the nearest, halves upward, as the SQL does it."""
    if scale == 1:
        return int(value)
    return int((max(min(value, LARGEST), -LARGEST) * scale + 0.5) // 1)


def _count(condition: str) -> str:
    return f"count(CASE WHEN {condition} THEN 1 END)"


def _named(source: Source, name: str, key: str, parameters: dict[str, float | str]) -> str:
    if source == "requests":
        return "true"
    parameters[f"name{key}"] = name
    return f"name = $name{key}"


def _where(source: Source, where: Iterable[Comparison], key: str, parameters: dict[str, float | str]) -> str:
    return " AND ".join(compare(source, c, f"w{key}_{i}", parameters) for i, c in enumerate(where)) or "true"


def _amount(source: Source, value: str, selected: str) -> tuple[str, str]:
    """What is selected when it has the value, and the sum of it as kept whole numbers; without a value, a count."""
    if not value:
        return selected, _count(selected)
    number = column(source, value, number=True)
    selected = f"({selected} AND {number} IS NOT NULL)"
    whole = f"CAST(floor(greatest(least({number}, {LARGEST}), -{LARGEST}) * {RESOLUTION} + 0.5) AS BIGINT)"
    return selected, f"CAST(coalesce(sum(CASE WHEN {selected} THEN {whole} END), 0) AS BIGINT)"
