"""Holdouts for the dashboard's tests and pictures, read by the functions of the real thing."""

from __future__ import annotations

from dataclasses import replace

from dashboard_twin.scenes import LONG, MARKUP
from fader.model.evidence import HealthEvidence, MetricEvidence
from fader.model.holdout import Holdout, HoldoutState, HoldoutView, Measured
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Outcome
from fader.model.share import Draw, Interval
from fader.model.summary import ArmSummary
from fader.rollout.holdout import view

DAY = 86_400.0
TEN = Margin("relative", 0.1)
CONVERSION = Outcome(Metric("conversion", "proportion", "higher", of="units", event="order"), TEN)
REVENUE = Outcome(Metric("revenue", "mean", "higher", value="amount", event="order", unit="EUR"), TEN)
ERRORS = Outcome(Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)), TEN)
LATENCY = Outcome(Metric("latency", "quantile", value="duration_ms", q=0.95), TEN)
SUPPORT = Outcome(Metric("support", "count", event="support"), TEN)
PAINT = Outcome(Metric("paint", "quantile", value="ms", q=0.75, event="paint", unit="ms"), TEN)
OUTCOMES = (CONVERSION, REVENUE, ERRORS, LATENCY, SUPPORT)


def usual(now: float) -> HoldoutView:
    """A quarter so far: one metric is better, one worse, one the same, one unknown, one not learnt yet."""
    since = now - 61 * DAY
    draw = Draw("holdout/q4", Interval(0, 50_000))
    measured = tuple(Measured(o, i, since, threshold=182.0 * (o is LATENCY)) for i, o in enumerate(OUTCOMES))
    measured = (*measured[:4], replace(measured[4], since=now - 2 * DAY))
    state = HoldoutState("q4", draw, 1, since, measured=measured)
    evidence = {
        0: arms(shares(247_400, 0.2391), shares(13_010, 0.2204)),
        1: arms(amounts(247_400, 9.61), amounts(13_010, 9.52)),
        2: arms(requests(247_400, 0.0041), requests(13_010, 0.0022)),
        3: arms(slow(247_400, 0.052), slow(13_010, 0.0523)),
        4: arms(shares(9_100, 0.011), shares(480, 0.01)),
    }
    wanted = Holdout("q4", draw, metrics=(*OUTCOMES, PAINT))
    return view(state, wanted, evidence, HealthEvidence(247_400, 13_010), now)


def ended(now: float) -> HoldoutView:
    draw = Draw("holdout/search", Interval(0, 200_000))
    since = now - 150 * DAY
    state = HoldoutState(
        "search", draw, 1, since, now - 60 * DAY, (Measured(CONVERSION, 0, since),), ("ranking", "suggest", "filters")
    )
    found = arms(shares(80_300, 0.301), shares(20_060, 0.2999))
    return view(state, None, {0: found}, HealthEvidence(80_300, 20_060), now)


def fresh(now: float) -> HoldoutView:
    """Nobody came yet, and it is read on nothing."""
    return view(
        HoldoutState("q1", Draw("holdout/q1", Interval(0, 10_000)), 1, now - 20), None, {}, HealthEvidence(), now
    )


def mismatched(now: float) -> HoldoutView:
    draw = Draw(f"holdout/{LONG}", Interval(0, 50_000))
    state = HoldoutState(LONG, draw, 1, now - DAY, measured=(Measured(CONVERSION, 0, now - DAY),), rollouts=(LONG,))
    found = arms(shares(90_000, 0.3), shares(3_000, 0.2))
    return view(state, None, {0: found}, HealthEvidence(90_000, 3_000), now)


def markup(now: float) -> HoldoutView:
    made = usual(now)
    metric = replace(CONVERSION.metric, name=MARKUP)
    reading = replace(made.readings[0], outcome=replace(CONVERSION, metric=metric), sentence=MARKUP)
    return replace(made, name=MARKUP, headline=MARKUP, rollouts=(MARKUP,), readings=(reading,))


def arms(others: ArmSummary, held: ArmSummary) -> MetricEvidence:
    return MetricEvidence("", others, held)


def shares(units: int, rate: float) -> ArmSummary:
    had = round(units * rate)
    return ArmSummary(units, units, had, had, had, units, first=had, failures=had)


def amounts(units: int, mean: float) -> ArmSummary:
    total = units * mean
    return ArmSummary(units, units, total, total * 4 * mean, total, units, first=units // 4, failures=total)


def requests(units: int, rate: float) -> ArmSummary:
    n, bad = 20.0 * units, 20.0 * units * rate
    return ArmSummary(units, n, bad, 1.6 * bad, 24 * bad, 600.0 * units, first=round(0.8 * bad), failures=bad)


def slow(units: int, share: float) -> ArmSummary:
    n, above = 20.0 * units, 20.0 * units * share
    return ArmSummary(units, n, above, 4 * above, 30 * above, 600.0 * units, first=units // 3, failures=above)
