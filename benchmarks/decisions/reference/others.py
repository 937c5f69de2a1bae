"""Sample ratio, promotion, the scan, and the intervals of readings."""

from __future__ import annotations

from functools import cache, partial
from math import log

import numpy as np

from fader.model.evidence import MetricEvidence, NameEvidence
from fader.model.metric import Margin, Metric
from fader.model.rollout import Outcome
from fader.model.summary import ArmSummary
from fader.stats.grid import theta
from fader.stats.noninferiority import log_e_relative
from fader.stats.reading import read
from fader.stats.scan import scan
from fader.stats.srm import LOG_ALARM, log_e_srm

from ..stream import Ints
from .check import Check, Runs, Study, false_alarms, first, median

#: planned share: (actual share, median thousand users until the alarm; 0 where it is the plan itself).
RATIOS = {
    0.5: ((0.5, 0), (0.495, 172), (0.49, 44), (0.48, 12)),
    0.05: ((0.05, 0), (0.0475, 127), (0.045, 32), (0.04, 8)),
    0.01: ((0.01, 0), (0.009, 164), (0.008, 41)),
}


@cache
def corridor(pi: float) -> tuple[Ints, Ints]:
    """Counts of candidate units after each thousand users between which the sample ratio is not in doubt."""
    ends = [(_edge(pi, n, -1), _edge(pi, n, 1)) for n in range(1000, 1_000_001, 1000)]
    return np.array([low for low, _ in ends]), np.array([high for _, high in ends])


def _edge(pi: float, n: int, side: int) -> int:
    """The nearest count to the expected one that alarms."""
    inside, outside = round(pi * n), -1 if side < 0 else n + 1
    while abs(outside - inside) > 1:
        middle = (inside + outside) // 2
        alarms = log_e_srm(middle, n - middle, pi) >= LOG_ALARM
        inside, outside = (inside, middle) if alarms else (middle, outside)
    return outside


def ratios(shard: int, runs: int) -> Runs:
    found = {}
    for pi, actual in RATIOS.items():
        low, high = corridor(pi)
        for share, _ in actual:
            g = np.random.default_rng([95_001, int(1000 * pi), int(10_000 * share), shard])
            ours = g.binomial(1000, share, (runs, 1000)).cumsum(1)
            found[f"{pi} {share}"] = first((ours <= low) | (ours >= high))
    return found


def ratios_hold(runs: Runs) -> list[Check]:
    found = []
    for pi, actual in RATIOS.items():
        for share, thousand in actual:
            times = runs[f"{pi} {share}"]
            if thousand:
                found.append(median(f"planned {pi:.1%}, actual {share:.2%}, thousand users", times, thousand))
            else:
                found.append(false_alarms(f"planned {pi:.1%}, a million users", times, 0.001, ".0005"))
    return found


#: (tolerated rise of the whole, share, next share): median units with an event until *safe*.
PROMOTED = {
    (0.1, 0.01, 0.05): 263, (0.1, 0.05, 0.25): 780, (0.1, 0.25, 0.5): 712, (0.1, 0.5, 1.0): 2103,
    (0.2, 0.01, 0.05): 118, (0.2, 0.05, 0.25): 242, (0.2, 0.25, 0.5): 201, (0.2, 0.5, 1.0): 550,
    (0.5, 0.01, 0.05): 32, (0.5, 0.05, 0.25): 55, (0.5, 0.25, 0.5): 48, (0.5, 0.5, 1.0): 116,
}  # fmt: skip


def promoted(shard: int) -> Runs:
    found = {}
    many = ArmSummary(units=10**9, requests=1e9)
    one = ArmSummary(units=10**9, requests=1e9, first=1)
    for i, ((tau, pi, onto), events) in enumerate(PROMOTED.items()):
        margin = tau / onto
        ours, theirs = (float(log_e_relative(c, b, pi, margin)) for c, b in ((one, many), (many, one)))
        for name, chance in (("alike", pi), ("at the margin", float(theta(pi, 1 + margin)))):
            g = np.random.default_rng([77, i, shard, name == "alike"])
            count = np.cumsum(g.random((250, 6 * events)) < chance, axis=1)
            evidence = count * ours + (np.arange(1, 6 * events + 1) - count) * theirs
            found[f"{tau} {pi} {name}"] = first(evidence >= log(20))
    return found


def promoted_holds(runs: Runs) -> list[Check]:
    found = []
    for (tau, pi, onto), events in PROMOTED.items():
        what = f"{pi:.0%} to {onto:.0%}, tolerated {tau:.0%} of the whole"
        found.append(median(f"{what}, units with an event", runs[f"{tau} {pi} alike"], events))
        found.append(false_alarms(f"{what}, at the margin", runs[f"{tau} {pi} at the margin"], 0.05, ".037 - .055"))
    return found


NAMES, SCANS = 200, 100
SHARES = (0.05, 0.5)


def scanned(shard: int, runs: int) -> Runs:
    """200 names with 5 to 5,000 units each, looked at 100 times; 10 have an effect, five x2 and five x0.5, or none."""
    found: dict[str, list[float]] = {}
    for pi in SHARES:
        for effects in (0, 10):
            for i in range(runs):
                g = np.random.default_rng([90_001, i, shard, int(100 * pi), effects])
                false, ever, power = _scan(g, pi, effects)
                for name, value in (("false", false), ("rate", ever), ("power", power)):
                    found.setdefault(f"{pi} {effects} {name}", []).append(value)
    return {name: np.array(values) for name, values in found.items()}


def _scan(g: np.random.Generator, pi: float, effects: int) -> tuple[float, float, float]:
    """Whether anything was ever flagged falsely (look or inf), the false share of all ever flagged, the final power."""
    often, times = np.exp(g.uniform(np.log(5), np.log(5000), NAMES)), np.ones(NAMES)
    chosen = g.choice(NAMES, effects, replace=False)
    times[chosen[: effects // 2]], times[chosen[effects // 2 :]] = 2.0, 0.5
    rates = (often * pi * times)[:, None] / SCANS, (often * (1 - pi))[:, None] / SCANS
    ours, theirs = (g.poisson(rate, (NAMES, SCANS)).cumsum(1).tolist() for rate in rates)
    flagged: set[int] = set()
    true = {int(k) for k in chosen}
    when, now = np.inf, set[int]()
    for look in range(SCANS):
        names = [NameEvidence("event", str(k), ours[k][look], theirs[k][look]) for k in range(NAMES)]
        now = {int(signal.name) for signal in scan(names, pi)}
        flagged |= now
        if now - true and when == np.inf:
            when = look + 1.0
    share = len(flagged - true) / max(1, len(flagged))
    return when, share, len(now & true) / max(1, effects)


def scanned_holds(runs: Runs) -> list[Check]:
    found = []
    for pi, reference, power in ((0.05, ".020", 0.277), (0.5, ".028", 0.524)):
        found.append(false_alarms(f"share {pi:.0%}, no effects, any flag", runs[f"{pi} 0 false"], 0.10, reference))
        rate = runs[f"{pi} 10 rate"]
        found.append(
            Check(f"share {pi:.0%}, false share of all flags", "≤ .10", float(rate.mean()), 0, 0.10, len(rate))
        )
        reached = runs[f"{pi} 10 power"]
        low, high = 0.85 * power, 1.15 * power
        what = f"share {pi:.0%}, share of effects found at the end"
        found.append(Check(what, f"{power}", float(reached.mean()), low, high, len(reached)))
    return found


#: Outcomes read under an effect of 10 %: units that buy, revenue per unit, revenue per visit.
READ = {
    outcome.metric.name: outcome
    for outcome in (
        Outcome(Metric("conversion", "proportion", "higher", of="units", event="order"), Margin("relative", 0.05)),
        Outcome(Metric("revenue", "mean", "higher", event="order", value="amount"), Margin("relative", 0.05)),
        Outcome(Metric("per visit", "ratio", "higher", event="order", value="amount"), Margin("relative", 0.05)),
    )
}
EFFECT, VISITORS, READS = 1.1, 20_000, 40


def covered(shard: int, runs: int) -> Runs:
    """At which of 40 looks the interval first misses the effect, and whether the fixed one misses it at the end."""
    found: dict[str, list[float]] = {}
    for name, outcome in READ.items():
        for share in (0.05, 0.5):
            for i in range(runs):
                g = np.random.default_rng([98_001, list(READ).index(name), int(100 * share), shard, i])
                looks, last = _missed(g, name, outcome, share)
                found.setdefault(f"{name} {share} sequence", []).append(looks)
                found.setdefault(f"{name} {share} fixed", []).append(last)
    return {name: np.array(values) for name, values in found.items()}


def _missed(g: np.random.Generator, name: str, outcome: Outcome, share: float) -> tuple[float, float]:
    on = g.random(VISITORS) < share
    chance = np.where(on, 0.1 * (EFFECT if name == "conversion" else 1.0), 0.1)
    order = g.random(VISITORS) < chance
    amount = np.exp(g.normal(0, 0.8, VISITORS)) * np.where(on & (name != "conversion"), EFFECT, 1.0)
    n = 1.0 + g.poisson(2.0, VISITORS) if name == "per visit" else np.ones(VISITORS)
    y = np.where(order, 1.0 if name == "conversion" else amount * n, 0.0)
    mean = 0.1 if name == "conversion" else 0.1 * float(np.exp(0.8**2 / 2))
    truth = (EFFECT - 1) * mean
    missed = np.inf
    ends = np.linspace(VISITORS / READS, VISITORS, READS).astype(int)
    sums = np.stack([np.ones(VISITORS), n, y, y * y, y * n, n * n, y > 0], axis=1)
    totals = [np.cumsum(sums * a[:, None], axis=0)[ends - 1] for a in (on, ~on)]
    for look in range(READS):
        candidate, baseline = (
            ArmSummary(int(k), n_, y_, yy, yn, nn, int(f), y_)
            for k, n_, y_, yy, yn, nn, f in (t[look].tolist() for t in totals)
        )
        evidence = MetricEvidence(name, candidate, baseline)
        reading = read(outcome, evidence, candidate="new", fixed=look + 1 == READS)[0]
        if reading.verdict != "unknown" and not reading.low <= truth <= reading.high and missed == np.inf:
            missed = look + 1.0
    low, high = reading.fixed_low, reading.fixed_high
    inside = low is not None and high is not None and low <= truth <= high
    return missed, np.inf if inside else 1.0


def covered_holds(runs: Runs) -> list[Check]:
    found = []
    for name in READ:
        for share in (0.05, 0.5):
            what = f"{name}, share {share:.0%}: the effect is missed"
            found.append(false_alarms(f"{what} at any of {READS} looks", runs[f"{name} {share} sequence"], 0.01))
            found.append(false_alarms(f"{what} by the fixed interval", runs[f"{name} {share} fixed"], 0.04))
    return found


STUDIES = (
    Study("6.7 sample ratio", 8, partial(ratios, runs=500), ratios_hold),
    Study("6.9 promotion", 4, promoted, promoted_holds),
    Study("6.10 scan", 20, partial(scanned, runs=10), scanned_holds),
    Study("coverage of readings", 10, partial(covered, runs=60), covered_holds),
)
