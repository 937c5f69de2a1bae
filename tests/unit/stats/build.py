"""Summaries for tests, from plain numbers."""

from __future__ import annotations

from math import ceil, log

import numpy as np

from fader.model.evidence import MetricEvidence
from fader.model.metric import Comparison, Direction, Margin, Metric
from fader.model.rollout import Guardrail
from fader.model.summary import GAMMA, ArmSummary, Histogram
from fader.stats.judge import Stakes

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),))
LATENCY = Metric("latency", "quantile", value="duration_ms", q=0.95)


def arm(units: int, each: int, events: int, over: int = 0) -> ArmSummary:
    """`units` with `each` requests; `events` of the units have one event, `over` of them one beyond the margin."""
    return ArmSummary(
        units=units,
        requests=units * each,
        events=events,
        yy=events,
        yn=events * each,
        nn=units * each**2,
        first=events,
        failures=events,
        over=over,
        over_yy=over,
        over_yn=over * each,
    )


def of_units(y: np.ndarray, n: np.ndarray | None = None, x: np.ndarray | None = None) -> ArmSummary:
    """The sums over units with y events in n requests (1 each unless said) and the covariate x."""
    y = np.asarray(y, float)
    n = np.ones(len(y)) if n is None else np.asarray(n, float)
    x = np.zeros(len(y)) if x is None else np.asarray(x, float)
    return ArmSummary(
        units=len(y),
        requests=float(n.sum()),
        events=float(y.sum()),
        yy=float(y @ y),
        yn=float(y @ n),
        nn=float(n @ n),
        first=int((y != 0).sum()),
        failures=float(y.sum()),
        x=float(x.sum()),
        xx=float(x @ x),
        xy=float(x @ y),
        xn=float(x @ n),
    )


def values(*found: tuple[float, int]) -> Histogram:
    """(value, count) pairs as a histogram."""
    return Histogram(tuple(ceil(log(v) / log(GAMMA)) for v, _ in found), tuple(c for _, c in found))


def errors(candidate: ArmSummary, baseline: ArmSummary) -> MetricEvidence:
    return MetricEvidence("errors", candidate, baseline)


def error_guardrail(tolerate: float = 0.01, kind: str = "absolute", better: Direction = "lower") -> Guardrail:
    metric = Metric("errors", "proportion", better=better, where=ERRORS.where)
    return Guardrail(metric, Margin(kind, tolerate))


def latency_guardrail(tolerate: float = 0.1, kind: str = "relative", better: Direction = "lower") -> Guardrail:
    metric = Metric("latency", "quantile", better=better, value="duration_ms", q=0.95 if better == "lower" else 0.5)
    return Guardrail(metric, Margin(kind, tolerate))


def stakes(share: int = 50_000, next_share: int = 100_000) -> Stakes:
    return Stakes(share, next_share, log(160), log(20))
