"""What the statistics cost: many guardrails judged from their summaries, names scanned, an outcome read, one core.

python benchmarks/judge.py [--rounds N] [--seed S] [--write]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from itertools import pairwise
from math import log

import numpy as np

from access_log import pin, report, resident
from fader.model.evidence import MetricEvidence, NameEvidence, Restart
from fader.model.metric import Comparison, Margin, Metric, Selection
from fader.model.rollout import Guardrail, Outcome
from fader.model.share import WHOLE
from fader.model.state import Basis
from fader.model.summary import ArmSummary, Histogram
from fader.stats.judge import Case, Stakes, judge_all
from fader.stats.reading import read
from fader.stats.scan import fresh, scan

KINDS = (
    (30, Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),)), 8, 0.005),
    (15, Metric("latency", "quantile", value="duration_ms", q=0.95), 8, 0.05),
    (15, Metric("conversion", "proportion", "higher", of="units", event="order"), 1, 0.3),
    (10, Metric("crashes", "proportion", of="units", event="crash"), 1, 0.002),
    (10, Metric("clicks", "count", event="click"), 1, 0.04),
    (15, Metric("revenue", "mean", "higher", event="order", value="amount", cap=500.0), 1, 0.3),
    (5, Metric("basket", "ratio", "higher", event="order", value="amount", per=Selection("visit")), 3, 0.2),
)
SHARES = (10_000, 50_000, 100_000, 250_000, 500_000, 800_000, WHOLE)
ARMS = 2  # with the baseline: three
UNITS = 200_000
BINS = 180
NAMES = 10_000


def arm(g: np.random.Generator, units: int, each: int, rate: float) -> ArmSummary:
    """Plausible sums: clustered a little, with a covariate that explains a part."""
    n = units * each
    y = int(g.binomial(n, rate))
    first = min(y, units)
    return ArmSummary(
        units, n, y, 1.3 * y, 1.2 * y * each, 1.2 * n * each, first, y, y // 2, 0.6 * y, 0.6 * y * each,
        x=0.0, xx=0.2 * n, xy=0.1 * y, xn=0.0,
    )  # fmt: skip


def values(g: np.random.Generator) -> Histogram:
    return Histogram(tuple(range(BINS)), tuple(g.integers(1, 200, BINS).tolist()))


def questions(g: np.random.Generator) -> list[Case]:
    cases = []
    metrics = [(metric, each, rate) for count, metric, each, rate in KINDS for _ in range(count)]
    for i, (metric, each, rate) in enumerate(metrics):
        tolerate = Margin("relative", 0.1) if i % 2 or metric.kind == "quantile" else Margin("absolute", rate / 5)
        for share, following in pairwise(SHARES):
            part = round(UNITS * share / WHOLE / ARMS)
            baseline = arm(g, UNITS - ARMS * part, each, rate)
            quantile = metric.kind == "quantile"
            learnt = values(g) if quantile else Histogram()
            for _ in range(ARMS):
                restarts = tuple(Restart(k, int(g.binomial(200, share / WHOLE)), 200) for k in range(1, 4))
                evidence = MetricEvidence(
                    metric.name,
                    arm(g, part, each, rate),
                    baseline,
                    values(g) if quantile else Histogram(),
                    learnt,
                    restarts=restarts,
                )
                stakes = Stakes(share, following, log(600 / 0.05), log(20))
                cases.append(Case(Guardrail(metric, tolerate), Basis(metric.name, rate, 100.0), evidence, stakes))
    return cases


def names(g: np.random.Generator) -> list[NameEvidence]:
    """Of 10,000 names 50 doubled and 50 halved, at a share of 5 %."""
    mean = np.exp(g.uniform(log(5), log(5000), NAMES))
    ratio = np.ones(NAMES)
    ratio[:50], ratio[50:100] = 2.0, 0.5
    candidate, baseline = g.poisson(0.05 * mean * ratio), g.poisson(0.95 * mean)
    pairs = zip(candidate.tolist(), baseline.tolist(), strict=True)
    return [NameEvidence("fingerprint" if i % 2 else "event", f"name {i}", c, b) for i, (c, b) in enumerate(pairs)]


def timed(ask: Callable[[], object], rounds: int) -> str:
    ask()
    spent = []
    for _ in range(rounds):
        begin = time.process_time()
        ask()
        spent.append((time.process_time() - begin) * 1000)
    return f"**{statistics.median(spent):.1f}** | {min(spent):.1f} | {max(spent):.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true", help="write results/judge.md")
    options = parser.parse_args()
    pin()
    g = np.random.default_rng(options.seed)
    cases, occurred = questions(g), names(g)
    one = cases[:1]
    ten = cases[:: len(cases) // 10][:10]
    outcome = Outcome(KINDS[5][1], Margin("relative", 0.1))
    evidence = next(c.evidence for c in reversed(cases) if c.guardrail.metric is KINDS[5][1])
    asked: list[tuple[str, Callable[[], object]]] = [
        ("judge 100 metrics x 3 arms x 6 stages", lambda: judge_all(cases)),
        ("judge 10 guardrails", lambda: judge_all(ten)),
        ("judge 1 guardrail", lambda: judge_all(one)),
        ("read an outcome", lambda: read(outcome, evidence, candidate="v2", fixed=True)),
        (f"scan {NAMES:,} names", lambda: scan(occurred, 0.05)),
        (f"new among {NAMES // 2:,} fingerprints", lambda: fresh(occurred, 0.05, log(320))),
    ]
    table = ["| | ms of CPU, median | least | most |", "|---|---:|---:|---:|"]
    table += [f"| {what} | {timed(ask, options.rounds)} |" for what, ask in asked]
    notes = [
        f"{options.rounds} rounds each on one core; {len(cases)} comparisons of a candidate arm with the baseline,",
        f"three restarts each, histograms of {BINS} bins. Resident with numpy and all of it: {resident():.0f} MB.",
    ]
    if options.write:
        report("judge", "What the statistics cost", options.seed, table, notes)
    else:
        print("\n".join([*table, "", *notes]))


if __name__ == "__main__":
    main()
