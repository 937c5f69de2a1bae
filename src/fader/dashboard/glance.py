"""Every difference on one scale: guardrails, outcomes and signals as ratios to the baseline. Pure.

The scale is logarithmic: twice as many lies as far to the right as half as many to the left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from fader.dashboard.digits import THIN
from fader.model.verdict import Judgement, Reading, Signal, Verdict
from fader.model.view import RolloutView
from fader.stats.judge import UNBOUNDED

#: How far the scale may reach, as ratios; the smallest is taken that holds the estimates and most of each interval.
REACHES = (1.05, 1.1, 1.25, 1.5, 2.0, 4.0, 8.0)


@dataclass(frozen=True, slots=True)
class Row:
    """Positions in per cent of the width. `open_low`, `open_high`: the interval goes on beyond the picture."""

    group: Literal["guardrail", "outcome", "signal"]
    name: str
    verdict: str
    words: str
    low: float
    width: float
    estimate: float
    open_low: bool
    open_high: bool


@dataclass(frozen=True, slots=True)
class Glance:
    """`ticks`: where, and what stands there."""

    rows: tuple[Row, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class _Ratio:
    group: Literal["guardrail", "outcome", "signal"]
    name: str
    verdict: str
    estimate: float
    low: float
    high: float


def glance(view: RolloutView) -> Glance | None:
    """None while there is nothing to draw. What has no ratio (a baseline of 0) is left out: its table has it."""
    guarded = {g.metric.name for g in view.spec.guardrails}
    found = [
        *(r for j in view.judgements if j.metric in guarded if (r := _judged(j))),
        *(r for reading in view.readings if (r := _read(reading))),
        *(_found(s) for s in view.signals),
    ]
    if not found:
        return None
    reach = math.log(_reach(found))

    def place(ratio: float) -> float:
        if ratio <= 0:
            return 0.0
        return round(50 + 50 * max(-1.0, min(math.log(ratio) / reach, 1.0)), 2)

    rows = []
    for r in found:
        low, high = place(r.low), place(r.high)
        rows.append(
            Row(
                r.group,
                r.name,
                r.verdict,
                f"{_change(r.low)} to {_change(r.high)}",
                low,
                round(high - low, 2),
                place(r.estimate),
                r.low <= 0 or math.log(r.low) < -reach,
                r.high > math.exp(reach),
            )
        )
    at = math.exp(reach)
    marks = ((1 / at, f"÷{at:g}"), (at**-0.5, ""), (1.0, "same"), (at**0.5, ""), (at, f"×{at:g}"))
    return Glance(tuple(rows), tuple((place(x), words) for x, words in marks))


def _judged(j: Judgement) -> _Ratio | None:
    base = j.baseline_rate
    if j.verdict is Verdict.UNKNOWN or base <= 0 or not j.low < j.high:
        return None
    low, high = (max(0.0, 1 + x / base) for x in (j.low, j.high))
    return _Ratio("guardrail", j.metric, j.verdict, max(0.0, 1 + j.rise / base), low, high)


def _read(r: Reading) -> _Ratio | None:
    if r.relative is None or r.relative_low is None or r.relative_high is None:
        return None
    low, estimate, high = (max(0.0, 1 + x) for x in (r.relative_low, r.relative, r.relative_high))
    return _Ratio("outcome", r.metric, r.verdict, estimate, low, high)


def _found(s: Signal) -> _Ratio:
    return _Ratio("signal", s.name, "harmful" if s.harmful else "signal", s.ratio, s.low, s.high)


def _reach(found: list[_Ratio]) -> float:
    """Most of an interval: it may reach twice as far as the estimate, an early one would squeeze all others."""
    size = 0.0
    for r in found:
        if not 0 < r.estimate < UNBOUNDED:
            continue  # stands at the edge of whatever scale
        estimate = abs(math.log(r.estimate))
        ends = [abs(math.log(x)) for x in (r.low, r.high) if 0 < x < UNBOUNDED]
        size = max(size, min(max([estimate, *ends]), max(2 * estimate, math.log(2))))
    return next((reach for reach in REACHES if math.log(reach) >= size), REACHES[-1])


def _change(ratio: float) -> str:
    if ratio >= UNBOUNDED:
        return "no limit"
    if ratio >= 2:
        return f"×{ratio:.0f}" if ratio >= 10 else f"×{ratio:.2g}"
    size = 100 * abs(ratio - 1)
    text = f"{size:.0f}" if size >= 10 else f"{size:.2g}"
    sign = "" if float(text) == 0 else "+" if ratio > 1 else "\N{MINUS SIGN}"
    return f"{sign}{text}{THIN}%"
