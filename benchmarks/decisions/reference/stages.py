"""A ramp of four stages by the single judgements: base rates that drift, an incident in both arms, three guardrails."""

from __future__ import annotations

from functools import partial
from math import inf, log, sqrt

import numpy as np

from fader.model.evidence import MetricEvidence
from fader.model.metric import Margin, Metric, Selection
from fader.model.rollout import Guardrail
from fader.model.state import Basis
from fader.stats.judge import Case, Stakes, judge_all

from ..stream import Floats
from .check import Check, Runs, Study, detected, false_alarms, sooner
from .users import LATENCY, TAIL, Z95, arms, upper_tail

USERS, MINUTES, LOOKS = 40_000, 5.0, 24
SHARES = (0.01, 0.05, 0.25, 0.5)
ALPHA = 0.05
ERROR, BUYS = 0.01, 0.02

ERRORS = Guardrail(Metric("errors", "proportion"), Margin("relative", 0.0))
PURCHASES = Metric("conversions", "ratio", "higher", event="order", per=Selection())
GUARDRAILS = (
    (ERRORS, Basis("errors", ERROR), 5.0),
    (LATENCY, Basis("latency", TAIL, 1.0), inf),
    (Guardrail(PURCHASES, Margin("relative", 0.0)), Basis("conversions", BUYS), inf),
)

#: What the candidate multiplies: errors, latency, conversions. Then the share that is rolled back, and after how many
#: looks in the median (0: not held to it, as hardly more than half are found at all). Half of x2 are found in the first
#: stage, which ends with look 24, and half in the second: their median may lie on either side.
KINDS: dict[str, tuple[tuple[float, float, float], float, float]] = {
    "errors x5": ((5.0, 1.0, 1.0), 1.0, 3),
    "errors x2": ((2.0, 1.0, 1.0), 1.0, 25),
    "errors x1.5": ((1.5, 1.0, 1.0), 1.0, 40),
    "errors x1.2": ((1.2, 1.0, 1.0), 0.71, 86),
    "latency x1.1": ((1.0, 1.1, 1.0), 1.0, 30),
    "conversions x0.9": ((1.0, 1.0, 0.9), 0.57, 0),
}
HARMLESS = (1.0, 1.0, 1.0)


def drift() -> Floats:
    """The base rate at each look of the ramp, in units of its mean; an incident of five times in the second stage."""
    hours = [np.ones(LOOKS), np.linspace(1, 0.8, LOOKS), np.linspace(0.8, 1.2, LOOKS), np.linspace(1.2, 1.6, LOOKS)]
    base = np.concatenate(hours)
    base[30:32] *= 5
    return base


def ramp(g: np.random.Generator, errors: float, latency: float, buys: float) -> float:
    """The look (from 1, over all stages) at which the ramp is rolled back; inf for never."""
    rate = np.exp(g.normal(-0.5, 1.0, USERS)) * 0.05 * MINUTES
    prone, level = g.beta(0.1, 9.9, USERS), g.normal(0, 0.5, USERS)
    keen, place = BUYS * np.exp(g.normal(-0.125, 0.5, USERS)), g.random(USERS)
    edge = Z95 * sqrt(0.5)
    usual, slower = upper_tail((edge - level) / 0.5), upper_tail((edge - level - log(latency)) / 0.5)
    asked = g.poisson(rate * 48).astype(float)

    def past(chance: Floats, cap: float = inf) -> Floats:
        before: Floats = np.minimum(g.poisson(rate * chance * 48).astype(float), cap)
        residual: Floats = before - before.sum() / asked.sum() * asked
        return residual

    pasts = past(prone, 5.0), past(usual), past(keen)
    base, threshold = drift(), log(len(GUARDRAILS) * len(SHARES) / ALPHA)
    for stage, share in enumerate(SHARES):
        on = place < share
        times = base[stage * LOOKS : (stage + 1) * LOOKS]
        n = _sums(g, rate[:, None] * np.ones(LOOKS))
        failing = np.minimum(prone[:, None] * times, 1.0)
        failing = np.where(on[:, None], np.minimum(failing * errors, 1.0), failing)
        late = np.where(on, slower, usual)
        bought = np.where(on, keen * buys, keen)
        found = [_sums(g, rate[:, None] * c * np.ones(LOOKS)) for c in (failing, late[:, None], bought[:, None])]
        stakes = Stakes(round(share * 1e6), 1_000_000, threshold, log(20))
        cases = [
            Case(guardrail, basis, MetricEvidence(guardrail.metric.name, candidate, baseline), stakes)
            for (guardrail, basis, cap), y, x in zip(GUARDRAILS, found, pasts, strict=True)
            for candidate, baseline in zip(arms(n, y, cap, on, x), arms(n, y, cap, ~on, x), strict=True)
        ]
        proven = np.array([j.log_e_harm >= threshold for j in judge_all(cases)]).reshape(-1, LOOKS).any(0)
        if proven.any():
            return float(stage * LOOKS + proven.argmax() + 1)
    return inf


def _sums(g: np.random.Generator, mean: Floats) -> Floats:
    return np.cumsum(g.poisson(mean), 1).astype(float)


def ramps(shard: int, null: int, runs: int) -> Runs:
    found = {"null": _looks("null", HARMLESS, null, shard)}
    return found | {kind: _looks(kind, times, runs, shard) for kind, (times, _, _) in KINDS.items()}


def _looks(kind: str, times: tuple[float, float, float], runs: int, shard: int) -> Floats:
    seed = [61_100, [*KINDS, "null"].index(kind), shard]
    return np.array([ramp(np.random.default_rng([*seed, i]), *times) for i in range(runs)])


def ramps_hold(runs: Runs) -> list[Check]:
    found = [false_alarms("harmless, alpha .05 over the ramp", runs["null"], ALPHA, ".013")]
    for kind, (_, share, looks) in KINDS.items():
        found.append(detected(kind, runs[kind], share))
        if not looks:
            continue
        if looks < 10:  # a handful of whole looks cannot be met to 15 %
            middle = float(np.median(runs[kind]))
            found.append(Check(f"{kind}, looks: median", f"{looks:g}", middle, looks - 1, looks + 1, len(runs[kind])))
        else:
            found.append(sooner(f"{kind}, looks", runs[kind], looks))
    return found


STUDIES = (Study("6.11 ramp of four stages", 20, partial(ramps, null=20, runs=3), ramps_hold),)
