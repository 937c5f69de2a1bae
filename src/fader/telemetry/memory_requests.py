"""Requests as they come, counted the plain way: per unit first, then over units."""

from __future__ import annotations

import math
import operator
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from fader.model.failure import Request
from fader.model.metric import Comparison, Metric
from fader.model.summary import GAMMA, ArmSummary, Histogram
from fader.ports.events import Cell, CellMetric, Exposure
from fader.telemetry.line import Line
from fader.telemetry.memory_units import NOTHING, Counting, Pair

CAP = 5

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def counting_of(cell_metric: CellMetric, candidate: str) -> Counting:
    return Counting(
        cell_metric, holds, lambda c, v: v is not None and OPERATORS[c.operator](v, c.value), number, candidate
    )


def minutes(
    cell_metric: CellMetric, cell: Cell, candidate: Iterable[Line], baseline: Iterable[Line]
) -> dict[int, tuple[int, int]]:
    """First-event units by minute of the stage and arm."""
    counts: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for arm, lines in enumerate((candidate, baseline)):
        firsts: dict[str | None, float] = {}
        for line in lines:
            if selected(cell_metric.metric, line) and event(cell_metric, line, arm == 0):
                firsts[line.u] = min(line.at, firsts.get(line.u, math.inf))
        for at in firsts.values():
            counts[math.floor((at - cell.since) / 60)][arm] += 1
    return {minute: (c, b) for minute, (c, b) in counts.items()}


def inside(metric: Metric, line: Line) -> bool:
    return line.p is not None and selected(metric, line)


def summary(
    cell_metric: CellMetric,
    lines: Iterable[Line],
    candidate: bool,
    past: dict[str, Pair],
    rate: Fraction | None,
) -> ArmSummary:
    """The arm's sums: per unit first, then over units."""
    units: dict[str | None, list[Line]] = defaultdict(list)
    for line in lines:
        if selected(cell_metric.metric, line):
            units[line.u].append(line)
    total = ArmSummary()
    xs = [(Fraction(0),) * 3]
    for unit, kept in units.items():
        inside = [line for line in kept if line.p is not None]
        n = len(inside)
        cap = (cell_metric.metric.cap or CAP) if cell_metric.metric.kind == "proportion" else math.inf
        y = min(cap, sum(event(cell_metric, line, candidate) for line in inside))
        over = min(cap, sum(above(cell_metric.metric, line, cell_metric.margin_threshold) for line in inside))
        failures = sum(event(cell_metric, line, candidate) for line in kept)
        total += ArmSummary(
            int(n > 0), n, y, y * y, y * n, n * n, int(failures > 0), failures, over, over * over, over * n
        )
        p, q = past.get(unit or "", NOTHING)
        if n and rate is not None:
            x = p - rate * q
            xs.append((x, x * Fraction(y), x * n))
    sum_x, xy, xn = (float(sum(column)) for column in zip(*xs, strict=True))
    return replace(total, x=sum_x, xx=float(sum(one[0] ** 2 for one in xs)), xy=xy, xn=xn)


def event(cell_metric: CellMetric, line: Line, candidate: bool) -> bool:
    metric = cell_metric.metric
    if metric.kind == "quantile":
        return above(metric, line, cell_metric.threshold)
    deflected = candidate and (line.status >= 500 if line.w is None else line.w != line.v)
    if metric.better == "lower":
        return holds(metric.where, line) or deflected
    return holds(metric.where, line) and not deflected


def above(metric: Metric, line: Line, threshold: float) -> bool:
    value = number(metric.value, line) if metric.kind == "quantile" else None
    return value is not None and value > threshold


def selected(metric: Metric, line: Line) -> bool:
    return metric.kind == "proportion" or (holds(metric.where, line) and number(metric.value, line) is not None)


def holds(where: Iterable[Comparison], line: Line) -> bool:
    for comparison in where:
        text = {"method": line.m, "path": line.path}
        value = text[comparison.field] if comparison.field in text else number(comparison.field, line)
        if value is None or not OPERATORS[comparison.operator](value, comparison.value):
            return False
    return True


def number(name: str, line: Line) -> float | None:
    if name == "status":
        return line.status
    if name == "duration_ms":
        return None if line.us is None else line.us / 1000
    return {"bytes_received": line.rx, "bytes_sent": line.tx}[name]


def histogram(bins: Counter[int]) -> Histogram:
    kept = sorted((b, n) for b, n in bins.items() if n)
    return Histogram(tuple(b for b, _ in kept), tuple(n for _, n in kept))


def bins(metric: Metric, lines: Iterable[Line]) -> Counter[int]:
    bins: Counter[int] = Counter()
    for line in lines:
        if metric.kind == "quantile" and selected(metric, line) and line.p is not None:
            value = number(metric.value, line) or 0.0
            bins[math.ceil(math.log(max(value, 0.001)) / math.log(GAMMA))] += 1
    return bins


def seen(x: Line) -> Request:
    """As people look at it."""
    ms = None if x.us is None else x.us / 1000
    return Request(x.at, x.m or "", x.path or "", x.route or "", x.status, x.w or "", ms, x.tp or "", x.v or "")


def exposed_to(cell: Cell, until: float, lines: Iterable[Line], units: set[str | None] | None) -> Exposure:
    """Who met the candidate from the beginning of the cell on, of these units alone; None for all."""
    met = [
        line
        for line in lines
        if line.s == cell.service
        and line.why == "rollout"
        and line.r == cell.rollout
        and line.v == cell.candidate
        and line.u
        and (units is None or line.u in units)
        and cell.since <= line.at < until
    ]
    harmed = {line.u for line in met if line.status >= 500 or line.w not in (None, line.v)}
    return Exposure(len({line.u for line in met}), len(harmed), min((line.at for line in met), default=0.0))
