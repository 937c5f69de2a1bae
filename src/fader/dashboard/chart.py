"""What the charts draw, as plain data for the page's script and as a table for everybody. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec

from fader.dashboard import digits
from fader.dashboard.digits import is_share, measure, share
from fader.model.decision import Step
from fader.model.metric import REQUEST, Comparison, Metric, Selection
from fader.model.state import ENDED
from fader.model.view import Point, RolloutView

UNITS = {"duration_ms": "ms", "bytes_received": "B", "bytes_sent": "B"}


def unit_of(metric: Metric) -> str:
    """`%` for a share, else the unit of the value, "" where it has none."""
    return "%" if is_share(metric) else metric.unit or UNITS.get(metric.value, "")


def title_of(metric: Metric) -> str:
    """What the metric measures, in words: `requests with status >= 500`, `users with order`, `p95 of duration_ms`."""
    what = _selected(Selection(metric.event, metric.where, metric.value if metric.kind != "quantile" else ""))
    match metric.kind:
        case "quantile":
            where = _where(metric.where)
            return f"p{metric.q * 100:g} of {metric.value}" + (f", {where}" if where else "")
        case "proportion":
            if metric.of == "units":
                return f"users with {what}"
            return what if metric.where else f"all {what}"
        case "retention":
            return f"users with {what} again after {digits.span(metric.after)}"
        case "ratio":
            return f"{what} per {_selected(metric.per or Selection())}"
        case "external":
            return f"read from {metric.external.provider.name}" if metric.external else "counted elsewhere"
        case _:
            return f"{what} per user"


def _selected(of: Selection) -> str:
    name = "requests" if of.event == REQUEST else of.event
    where = _where(of.where)
    return (f"{of.value} of " if of.value else "") + name + (f" with {where}" if where else "")


def _where(where: tuple[Comparison, ...]) -> str:
    return " and ".join(
        f"{c.field} {c.operator} {c.value:g}" if isinstance(c.value, float) else f"{c.field} {c.operator} {c.value}"
        for c in where
    )


def attempt(view: RolloutView, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """The steps of the attempt that is shown: a retry starts the picture afresh."""
    return tuple(s for s in steps if s.after.attempt == view.state.attempt)


def chart(view: RolloutView, steps: tuple[Step, ...], points: tuple[Point, ...], now: float) -> dict[str, Any]:
    """JSON for the script. Shares in ppm, times in seconds since 1970, rows [at, stage, v2, low, high, v1, low, high].

    What is tolerated is negative where it is a fall. `to` is None while the rollout goes on: the right edge is now.
    """
    shown = attempt(view, steps)
    since = view.state.started_at or (shown[0].at if shown else now)
    return {
        "now": now,
        "attempt": view.state.attempt,
        "from": since,
        "to": view.state.ended_at if view.state.phase in ENDED and view.state.ended_at else None,
        "candidate": view.candidate,
        "baseline": view.baseline,
        "stages": [s.share for s in view.stages],
        "share": view.state.share,
        "steps": [
            {
                "at": s.at,
                "share": s.after.share,
                "before": s.before.share,
                "seq": s.seq,
                "event": s.event,
                "reason": s.reason,
            }
            for s in shown
        ],
        "metrics": [
            {
                "name": g.metric.name,
                "unit": unit_of(g.metric),
                "tolerate": {
                    "kind": g.tolerate.kind,
                    "value": g.tolerate.value if g.metric.better == "lower" else -g.tolerate.value,
                },
                "rows": [row(p) for p in points if p.metric == g.metric.name and p.at >= since],
            }
            for g in view.spec.watched
        ],
    }


def row(p: Point) -> list[float | None]:
    return [
        p.at,
        p.stage,
        p.candidate_value,
        p.candidate_low,
        p.candidate_high,
        p.baseline_value,
        p.baseline_low,
        p.baseline_high,
    ]


def safe_json(data: Any) -> str:
    """JSON that can stand inside a `<script type="application/json">`: no `<` can close the element."""
    return msgspec.json.encode(data).decode().replace("<", "\\u003c")


@dataclass(frozen=True, slots=True)
class TableRow:
    """The last point of one metric in one stage, as text."""

    metric: str
    share: str
    at: float
    candidate: str
    candidate_band: str
    baseline: str
    baseline_band: str


def table(view: RolloutView, points: tuple[Point, ...]) -> dict[str, tuple[TableRow, ...]]:
    """Metric → one row per stage: the table behind each chart."""
    since = view.state.started_at
    rows: dict[str, tuple[TableRow, ...]] = {}
    for g in view.spec.watched:
        last = {p.stage: p for p in points if p.metric == g.metric.name and p.at >= since}
        rows[g.metric.name] = tuple(
            TableRow(
                metric=g.metric.name,
                share=share(p.share) if p.share else "before",
                at=p.at,
                candidate=measure(p.candidate_value, g.metric),
                candidate_band=_band(p.candidate_low, p.candidate_high, g.metric),
                baseline=measure(p.baseline_value, g.metric),
                baseline_band=_band(p.baseline_low, p.baseline_high, g.metric),
            )
            for _, p in sorted(last.items())
        )
    return rows


def _band(low: float | None, high: float | None, metric: Metric) -> str:
    return "" if low is None or high is None else f"{measure(low, metric)} to {measure(high, metric)}"
