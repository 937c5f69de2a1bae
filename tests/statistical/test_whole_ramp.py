"""A whole ramp under the null, and strata that keep a trend from passing for an effect.

Reduced sizes; `make evidence` runs the ramp 2,000 times in each world. Tolerances: three standard errors.
"""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from benchmarks.decisions.fader import Fader, proportion, spec_of
from benchmarks.decisions.null import NullJob, null
from benchmarks.decisions.replay import Replay
from benchmarks.decisions.stream import Change, Requests, Stream, World

from fader.model.evidence import MetricEvidence
from fader.model.metric import Margin
from fader.model.state import Basis
from fader.model.summary import ArmSummary
from fader.model.verdict import Verdict
from fader.stats.judge import Stakes, judge

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(("world", "runs"), [("plain", 40), ("hard", 20)])
def test_a_harmless_candidate_is_hardly_ever_rolled_back(world: str, runs: int) -> None:
    """Five guardrails, looked at all the way, in `balanced` at most 2 %, in `careful` .5 % of rollouts."""
    found = null(NullJob(world, 0, runs, 20_261_125))
    for profile, most in (("balanced", 0.02), ("careful", 0.005)):
        assert found.rolled_back[profile] / runs <= most + 3 * sqrt(most * (1 - most) / runs)
    assert found.completed >= runs / 4


#: Purchases swing by half over a day, so that each stage of a ramp over a day has its own rate.
TIDES = World(rate=240.0, users=24_000, purchases=0.06, swing=0.5)
SOLD = proportion("purchases", lambda r: r.bought, Margin("relative", 0.05), "higher")
HOURS = 24


class Pooling:
    """Lets a rule decide, and adds up all that it saw over the stages: by arm, whatever the share was."""

    def __init__(self, rule: Fader) -> None:
        self.rule = rule
        self.split = rule.split
        self.sums = np.zeros((2, 2))

    @property
    def share(self) -> float:
        return self.rule.share

    @property
    def epoch(self) -> int:
        return self.rule.epoch

    @property
    def every(self) -> int:
        return 4 * self.rule.every

    def look(self, minute: float, seen: Requests) -> str:
        for row, arm in enumerate((seen.candidate, ~seen.candidate)):
            self.sums[row] += arm.sum(), seen.bought[arm].sum()
        return self.rule.look(minute, seen)


def tides(seed: int) -> Pooling:
    """A ramp whose stages last 5 hours each, through a day; the candidate is the same as the baseline."""
    stream = Stream(TIDES, (20_261_125, seed), HOURS * 60)
    rule = Pooling(Fader(stream, spec_of((SOLD,), bake=5 * 3600.0), (SOLD,)))
    Replay(stream, Change()).run(rule)
    return rule


def test_a_trend_over_the_day_is_no_effect_where_stages_are_kept_apart() -> None:
    """Simpson: purchases rise by day and fall by night while the share of the candidate grows. 8 ramps.

    Pooled over the stages, the very same requests "prove" an effect that nobody planted.
    """
    pooled = 0
    for seed in range(8):
        ramp = tides(seed)
        assert ramp.rule.state.phase in ("ramping", "completed"), ramp.rule.state.cause
        assert all(j.verdict is not Verdict.HARMFUL for j in ramp.rule.last.judgements)
        (n, y), (m, z) = ramp.sums
        rate = (y + z) / (n + m)
        pooled += abs(y / n - z / m) > 4 * sqrt(rate * (1 - rate) * (1 / n + 1 / m))
    assert pooled >= 7


def test_naive_pooling_is_judged_harmful() -> None:
    """fader's own judge, were it given the pooled sums: strata are what keeps it from a false verdict."""
    harmful = 0
    for seed in range(4):
        ramp = tides(100 + seed)
        arms = [ArmSummary(int(n), n, y, y, y, n, int(y), y) for n, y in ramp.sums]
        stakes = Stakes(250_000, 1_000_000, log(100), log(20))
        judged = judge(SOLD.guardrail, Basis("purchases", 0.06), MetricEvidence("purchases", *arms), stakes)
        harmful += judged.verdict is Verdict.HARMFUL
    assert harmful >= 3
