"""A shop with returning visitors on a simulated clock: the stream of the demo, summed as the event store sums it."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, log

import numpy as np

from fader.assign.bucket import bucket
from fader.model.decision import Command, Decision
from fader.model.evidence import Evidence, GatewayEvidence, LearningEvidence, MetricEvidence
from fader.model.metric import Comparison, Margin, Metric
from fader.model.rollout import Guardrail, RolloutSpec, Stage
from fader.model.share import WHOLE
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.model.summary import GAMMA, ArmSummary, Histogram
from fader.rollout.command import obey
from fader.rollout.decide import decide
from fader.rollout.plan import cell

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500.0),))
LATENCY = Metric("latency", "quantile", value="duration_ms", q=0.95)
START = 1_700_000_000.0
#: Errors of a unit that count in a stage. Slow requests are not capped: over a long stage every busy visitor has
#: more than a handful on either version, and the shares would all read alike.
CAP = 5


def shop_spec(bake: float = 15.0, errors: float = 0.01, latency: float = 0.10) -> RolloutSpec:
    shares = (50_000, 100_000, 250_000, 500_000, WHOLE)
    return RolloutSpec(
        name="shop-v2",
        service="shop",
        baseline="v1",
        candidate="v2",
        stages=tuple(Stage(s, bake) for s in shares),
        guardrails=(
            Guardrail(ERRORS, Margin("absolute", errors)),
            Guardrail(LATENCY, Margin("relative", latency)),
        ),
    )


@dataclass(frozen=True)
class Scenario:
    """Chance of an error per request on each version, factor of v2's latency, share at which v2 dies (0: never)."""

    baseline_errors: float = 0.003
    candidate_errors: float = 0.003
    slowdown: float = 1.0
    dies_at: int = 0


SCENARIOS = {
    "healthy": Scenario(),
    "flaky-baseline": Scenario(0.03, 0.03),
    "errors": Scenario(candidate_errors=0.03),
    "slow": Scenario(slowdown=2.0),
    "crash": Scenario(dies_at=250_000),
}


@dataclass
class Sums:
    """Per visitor and stage: requests, errors, slow, very slow; per arm the latencies' histogram."""

    n: np.ndarray
    errors: np.ndarray
    slow: np.ndarray
    over: np.ndarray
    bins: list[dict[int, int]] = field(default_factory=lambda: [{}, {}])


@dataclass
class Run:
    phase: Phase
    stage: int
    cause: str
    seconds: float
    harmed: int
    exposed: int
    decisions: list[Decision]
    to_decision: float


class Shop:
    """`visitors` ask `rate` times a second each (log-sd `spread` between them), all there after `warm` seconds."""

    def __init__(
        self,
        seed: int,
        scenario: Scenario,
        spec: RolloutSpec | None = None,
        visitors: int = 2000,
        rate: float = 0.4,
        spread: float = 0.4,
        warm: float = 5.0,
        median_ms: float = 12.0,
        sigma: float = 0.5,
        slow_cap: float = inf,
    ) -> None:
        self.random = np.random.default_rng([20_261_122, seed])
        self.spec, self.scenario, self.warm, self.slow_cap = spec or shop_spec(), scenario, warm, slow_cap
        self.rates = rate * np.exp(self.random.normal(-(spread**2) / 2, spread, visitors))
        self.mu, self.sigma = log(median_ms), sigma
        self.buckets = np.array([bucket(f"visitor-{seed}-{i}", self.spec.salt) for i in range(visitors)])
        self.learnt = [0, 0, 0]
        self.seen_learning = np.zeros(visitors, bool)
        self.learning_bins: dict[int, int] = {}
        self.ever_harmed = np.zeros(visitors, bool)
        self.ever_exposed = np.zeros(visitors, bool)
        self.first_exposed = 0.0
        self.sums: dict[int, Sums] = {}
        self.down_since = 0.0

    def second(self, state: RolloutState, now: float) -> None:
        """What the visitors do in the second before `now`."""
        g, scenario = self.random, self.scenario
        warmth = min(1.0, (now - START) / self.warm)
        who = np.repeat(np.arange(len(self.rates)), g.poisson(self.rates * warmth))
        candidate = (self.buckets[who] - state.start) % WHOLE < state.share
        dies = 0 < scenario.dies_at <= state.share and now - state.stage_since > 5
        if dies and not self.down_since:
            self.down_since = now
        failed = g.random(len(who)) < np.where(candidate, scenario.candidate_errors, scenario.baseline_errors)
        failed |= candidate & dies  # answered by the baseline: a failure of the candidate
        ms = np.exp(g.normal(self.mu, self.sigma, len(who))) * np.where(candidate, scenario.slowdown, 1.0)
        bins = np.ceil(np.log(ms) / log(GAMMA)).astype(int)
        if state.stage < 0:
            self.learnt[0] += len(who)
            self.learnt[1] += int(failed.sum())
            self.seen_learning[who] = True
            _count(self.learning_bins, bins)
            return
        if not self.first_exposed and candidate.any():
            self.first_exposed = now
        self.ever_exposed[who[candidate]] = True
        self.ever_harmed[who[candidate & failed]] = True
        frozen = cell(self.spec, state, state.stage_since).metrics[1] if state.stage < len(self.spec.judged) else None
        if frozen is None:
            return
        sums = self.sums.setdefault(state.stage, Sums(*(np.zeros(len(self.rates)) for _ in range(4))))
        np.add.at(sums.n, who, 1)
        np.add.at(sums.errors, who, failed)
        np.add.at(sums.slow, who, ms > frozen.threshold)
        np.add.at(sums.over, who, ms > frozen.margin_threshold)
        _count(sums.bins[0], bins[candidate])
        _count(sums.bins[1], bins[~candidate])

    def evidence(self, state: RolloutState, now: float) -> Evidence:
        gateway = GatewayEvidence(now - 0.3, 1, state.stage_since, candidate_down_since=self.down_since)
        if state.stage < 0:
            units = int(self.seen_learning.sum())
            requests, errors, _ = self.learnt
            learning = (
                LearningEvidence("errors", requests, units, errors),
                LearningEvidence("latency", requests, units, 0.0, _histogram(self.learning_bins)),
            )
            return Evidence(now, -1, learning=learning, gateway=gateway, wanted_version=1)
        sums = self.sums.get(state.stage)
        if sums is None:
            return Evidence(now, state.stage, gateway=gateway, wanted_version=1, missing="nothing yet")
        arms = (self.buckets - state.start) % WHOLE < state.share
        errors = [_arm(sums.n[a], sums.errors[a]) for a in (arms, ~arms)]
        slow = [_arm(sums.n[a], sums.slow[a], sums.over[a], self.slow_cap) for a in (arms, ~arms)]
        histograms = [_histogram(b) for b in sums.bins]
        metrics = (MetricEvidence("errors", *errors), MetricEvidence("latency", *slow, *histograms))
        return Evidence(now, state.stage, metrics, gateway=gateway, wanted_version=1)

    def run(self, limit: int = 400) -> Run:
        """Start, tick once a second, until the rollout ends or holds. Evidence is a second old when it is judged."""
        state = obey(self.spec, RolloutState("shop-v2"), Command("start"), START).state
        decisions: list[Decision] = []
        now, seen = START, self.evidence(state, START)
        for _ in range(limit):
            now += 1.0
            decision = decide(self.spec, state, seen, now)
            decisions.append(decision)
            state = decision.state
            if state.phase not in ACTIVE or state.phase is Phase.HELD:
                break
            seen = self.evidence(state, now)
            self.second(state, now)
        return Run(
            state.phase,
            state.stage,
            state.cause,
            now - START,
            int(self.ever_harmed.sum()),
            int(self.ever_exposed.sum()),
            decisions,
            now - self.first_exposed if self.first_exposed else 0.0,
        )


def _count(into: dict[int, int], bins: np.ndarray) -> None:
    for index, count in zip(*np.unique(bins, return_counts=True), strict=True):
        into[int(index)] = into.get(int(index), 0) + int(count)


def _histogram(bins: dict[int, int]) -> Histogram:
    return Histogram(tuple(bins), tuple(bins.values()))


def _arm(n: np.ndarray, y: np.ndarray, over: np.ndarray | None = None, cap: float = CAP) -> ArmSummary:
    here = n > 0
    n, raw = n[here], y[here]
    y = np.minimum(raw, cap)
    o = np.minimum(over[here], cap) if over is not None else np.zeros_like(n)
    return ArmSummary(
        units=len(n),
        requests=float(n.sum()),
        events=float(y.sum()),
        yy=float(y @ y),
        yn=float(y @ n),
        nn=float(n @ n),
        first=int((raw > 0).sum()),
        failures=float(raw.sum()),
        over=float(o.sum()),
        over_yy=float(o @ o),
        over_yn=float(o @ n),
    )
