"""Tests whose unit is a user with many requests: errors, latency and revenue, judged by `judge_all`."""

from __future__ import annotations

from functools import partial
from math import erfc, inf, log, sqrt

import numpy as np

from fader.model.evidence import MetricEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Guardrail
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.stats.judge import Case, Stakes, judge_all

from ..stream import Flags, Floats
from .check import Check, Runs, Study, detected, false_alarms, first, median, sooner

USERS, SHARE, LOOKS, MINUTES = 20_000, 0.05, 60, 4.0
#: alpha of a proneness Beta(a, 99 a), and log-sd of the users' activity.
CROWDS = {"moderate": (0.1, 1.0), "heavy": (0.02, 1.2)}
TAIL = 0.05
#: 95th percentile of a normal distribution.
Z95 = 1.6448536


def arms(n: Floats, y: Floats, cap: float, mask: Flags, past: Floats | None = None) -> list[ArmSummary]:
    """The sums of one arm at each look, from cumulative requests and events of each user (rows) at each look."""
    n, raw = n[mask], y[mask]
    y = np.minimum(raw, cap)
    units, first_ones = (n > 0).sum(0), (raw > 0).sum(0)
    sums = np.stack([n.sum(0), y.sum(0), (y * y).sum(0), (y * n).sum(0), (n * n).sum(0), raw.sum(0)], axis=1)
    x = past[mask] if past is not None else np.zeros(len(n))
    products = np.stack([x @ y, x @ n], axis=1)
    level, square = float(x.sum()), float((x * x).sum())
    return [
        ArmSummary(
            units=int(units[i]),
            requests=asked,
            events=events,
            yy=yy,
            yn=yn,
            nn=nn,
            first=int(first_ones[i]),
            failures=failures,
            x=level,
            xx=square,
            xy=float(products[i, 0]),
            xn=float(products[i, 1]),
        )
        for i, (asked, events, yy, yn, nn, failures) in enumerate(sums.tolist())
    ]


def proven(guardrail: Guardrail, basis: Basis, candidate: list[ArmSummary], baseline: list[ArmSummary], alpha: float,
           share: float = SHARE) -> float:  # fmt: skip
    """The look at which a rise is proven; inf for never."""
    stakes = Stakes(round(share * 1e6), 1_000_000, log(1 / alpha), log(20))
    cases = (
        Case(guardrail, basis, MetricEvidence(guardrail.metric.name, c, b), stakes)
        for c, b in zip(candidate, baseline, strict=True)
    )
    return float(first(np.array([j.log_e_harm >= j.harm_threshold for j in judge_all(cases)])))


ERRORS = Guardrail(Metric("errors", "proportion"), Margin("relative", 0.0))
LATENCY = Guardrail(Metric("latency", "quantile", value="duration_ms", q=1 - TAIL), Margin("relative", 0.0))


def sticky(crowd: str, kind: str, g: np.random.Generator) -> tuple[Floats, Floats, Flags, Floats]:
    """Cumulative requests and errors per user and look, who has the candidate, and the users' past (pre-period)."""
    a, spread = CROWDS[crowd]
    rate = np.exp(g.normal(-(spread**2) / 2, spread, USERS)) * 0.05 * MINUTES
    prone, candidate = g.beta(a, 99 * a, USERS), g.random(USERS) < SHARE
    times = {"x1.5": 1.5, "x2": 2.0, "x3": 3.0}.get(kind, 1.0)
    chance = np.where(candidate, np.minimum(times * prone, 1.0), prone)
    if kind == "few users":
        chance = np.where(candidate & (g.random(USERS) < 0.02), prone + 0.5 * (1 - prone), prone)
    failed = g.poisson((rate * chance)[:, None], (USERS, LOOKS))
    fine = g.poisson((rate * (1 - chance))[:, None], (USERS, LOOKS))
    before = np.minimum(g.poisson(rate * prone * LOOKS), 5.0)
    asked = before + g.poisson(rate * (1 - prone) * LOOKS)
    past = before - before.sum() / asked.sum() * asked
    return np.cumsum(failed + fine, 1).astype(float), np.cumsum(failed, 1).astype(float), candidate, past


def clustered(crowd: str, kinds: dict[str, int], shard: int) -> Runs:
    found: dict[str, list[float]] = {}
    for kind, runs in kinds.items():
        for i in range(runs):
            g = np.random.default_rng([50_001, list(CROWDS).index(crowd), list(kinds).index(kind), shard, i])
            n, y, on, past = sticky(crowd, kind, g)
            for name, x in (("", None), (" CUPED", past)):
                pair = arms(n, y, 5.0, on, x), arms(n, y, 5.0, ~on, x)
                for alpha in (0.01, 0.05):
                    look = proven(ERRORS, Basis("errors", 0.01), *pair, alpha)
                    found.setdefault(f"{kind}{name} {alpha}", []).append(look * MINUTES)
    return {name: np.array(times) for name, times in found.items()}


def moderate_holds(runs: Runs) -> list[Check]:
    found = [
        false_alarms("moderate crowd, alpha .01", runs["null 0.01"], 0.01, ".0075"),
        false_alarms("moderate crowd, alpha .05", runs["null 0.05"], 0.05),
        false_alarms("moderate crowd, CUPED, alpha .01", runs["null CUPED 0.01"], 0.01),
        false_alarms("moderate crowd, CUPED, alpha .05", runs["null CUPED 0.05"], 0.05),
        detected("errors x1.5, alpha .01", runs["x1.5 0.01"], 0.34),
        detected("errors x2, alpha .01", runs["x2 0.01"], 0.92),
        median("errors x2, alpha .01, minutes", runs["x2 0.01"], 48),
        detected("errors x3, alpha .01", runs["x3 0.01"], 1.0),
        detected("2 % of users fail half the time, alpha .01", runs["few users 0.01"], 0.73),
        median("2 % of users fail half the time, alpha .01, minutes", runs["few users 0.01"], 52),
        sooner("errors x2, CUPED, alpha .01, minutes", runs["x2 CUPED 0.01"], 48),
    ]
    minutes = float(np.median(runs["x3 0.01"]))
    return [*found, Check("errors x3, alpha .01, minutes: median", "12", minutes, 8, 16, len(runs["x3 0.01"]))]


def heavy_holds(runs: Runs) -> list[Check]:
    return [
        false_alarms("heavy crowd, alpha .01", runs["null 0.01"], 0.01, ".0020"),
        false_alarms("heavy crowd, alpha .05", runs["null 0.05"], 0.05),
        false_alarms("heavy crowd, CUPED, alpha .01", runs["null CUPED 0.01"], 0.01),
        detected("errors x2, alpha .01", runs["x2 0.01"], 0.28),
        detected("errors x3, alpha .01", runs["x3 0.01"], 0.71),
        median("errors x3, alpha .01, minutes", runs["x3 0.01"], 44),
    ]


def upper_tail(x: Floats) -> Floats:
    """1 - Phi(x)."""
    return np.array([0.5 * erfc(value / sqrt(2)) for value in x.tolist()])


def slow(shard: int, kinds: dict[float, int]) -> Runs:
    """Log-latency with a user's own level (sd .5) and noise (sd .5); the threshold is the baseline's p95."""
    found: dict[str, list[float]] = {}
    for factor, runs in kinds.items():
        for i in range(runs):
            g = np.random.default_rng([60_001, int(100 * factor), shard, i])
            rate = np.exp(g.normal(-0.5, 1.0, USERS)) * 0.05 * MINUTES
            level, on = g.normal(0, 0.5, USERS), g.random(USERS) < SHARE
            edge = Z95 * np.hypot(0.5, 0.5)
            usual, slower = upper_tail((edge - level) / 0.5), upper_tail((edge - level - log(factor)) / 0.5)
            chance = np.where(on, slower, usual)
            late = g.poisson((rate * chance)[:, None], (USERS, LOOKS))
            n = np.cumsum(late + g.poisson((rate * (1 - chance))[:, None], (USERS, LOOKS)), 1).astype(float)
            y = np.cumsum(late, 1).astype(float)
            before = g.poisson(rate * usual * LOOKS).astype(float)
            asked = before + g.poisson(rate * (1 - usual) * LOOKS)
            past = before - before.sum() / asked.sum() * asked
            for name, x in (("", None), (" CUPED", past)):
                pair = arms(n, y, inf, on, x), arms(n, y, inf, ~on, x)
                look = proven(LATENCY, Basis("latency", TAIL, 1.0), *pair, 0.05)
                found.setdefault(f"{factor}{name}", []).append(look * MINUTES)
    return {name: np.array(times) for name, times in found.items()}


def slow_holds(runs: Runs) -> list[Check]:
    return [
        false_alarms("p95, alpha .05", runs["1.0"], 0.05, ".0125"),
        false_alarms("p95, CUPED, alpha .05", runs["1.0 CUPED"], 0.05, ".0170"),
        detected("latency x1.1", runs["1.1"], 0.53),
        detected("latency x1.2", runs["1.2"], 0.99),
        Check("latency x1.2, minutes: median", "16", float(np.median(runs["1.2"])), 12, 20, len(runs["1.2"])),
        detected("latency x1.1, CUPED", runs["1.1 CUPED"], 0.98),
        median("latency x1.1, CUPED, minutes", runs["1.1 CUPED"], 40),
        Check("latency x1.2, CUPED, minutes: median", "12", float(np.median(runs["1.2 CUPED"])), 8, 16),
    ]


REVENUE = (0.05, 0.5)


def revenue(shard: int, runs: int) -> Runs:
    """5 % of users buy, for a log-normal sum (sd 1.5), capped at the 99.9 % quantile of all; 300 looks to 300,000."""
    found: dict[str, list[float]] = {}
    cap, mean = float(np.exp(1.5 * 2.054)), 0.05 * float(np.exp(1.5**2 / 2))
    for share in REVENUE:
        for i in range(runs):
            g = np.random.default_rng([97_001, int(100 * share), shard, i])
            ours = g.binomial(1000, share, 300)
            pair = [_bought(g, n, cap) for n in (ours, 1000 - ours)]
            for better in ("higher", "lower"):
                metric = Metric("revenue", "mean", better, value="amount", event="order", of="units", cap=cap)
                guardrail = Guardrail(metric, Margin("relative", 0.0))
                look = proven(guardrail, Basis("revenue", mean), pair[0], pair[1], 0.05, share)
                found.setdefault(f"{share} {better}", []).append(look)
    return {name: np.array(times) for name, times in found.items()}


def _bought(g: np.random.Generator, arriving: np.ndarray, cap: float) -> list[ArmSummary]:
    buyers = g.binomial(arriving, 0.05)
    sums = np.minimum(np.exp(g.normal(0, 1.5, int(buyers.sum()))), cap)
    look = np.repeat(np.arange(len(arriving)), buyers)
    y, yy = (np.bincount(look, w, len(arriving)).cumsum() for w in (sums, sums**2))
    columns = (arriving.cumsum(), y, yy, buyers.cumsum())
    return [
        ArmSummary(units, float(units), s, s2, s, float(units), bought, s)
        for units, s, s2, bought in zip(*(c.tolist() for c in columns), strict=True)
    ]


def revenue_holds(runs: Runs) -> list[Check]:
    names = {"0.05 higher": ".005", "0.05 lower": ".019", "0.5 higher": ".009", "0.5 lower": ".010"}
    words = {"higher": "harm is a decrease", "lower": "harm is an increase"}
    found = []
    for name, reference in names.items():
        share, better = name.split()
        what = f"revenue, share {float(share):.0%}, {words[better]}, alpha .05"
        found.append(false_alarms(what, runs[name], 0.05, reference))
    return found


MODERATE = {"null": 20, "x1.5": 5, "x2": 8, "x3": 3, "few users": 5}
HEAVY = {"null": 15, "x2": 5, "x3": 8}
STUDIES = (
    Study("6.4 errors of sticky users, moderate", 20, partial(clustered, "moderate", MODERATE), moderate_holds),
    Study("6.4 errors of sticky users, heavy", 20, partial(clustered, "heavy", HEAVY), heavy_holds),
    Study("6.5 latency", 20, partial(slow, kinds={1.0: 20, 1.1: 5, 1.2: 3}), slow_holds),
    Study("6.6 revenue", 10, partial(revenue, runs=60), revenue_holds),
)
