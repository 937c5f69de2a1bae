"""The rules of other tools do what their documentation says, on streams small enough to follow by hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pytest
from benchmarks.decisions.compare import Bad, Healthy, Outcomes
from benchmarks.decisions.peers.argo import Argo
from benchmarks.decisions.peers.flagger import Flagger
from benchmarks.decisions.peers.growthbook import GrowthBook
from benchmarks.decisions.peers.kayenta import Kayenta, high, z_score
from benchmarks.decisions.peers.launchdarkly import LaunchDarkly
from benchmarks.decisions.peers.ratio import Estimate
from benchmarks.decisions.peers.unleash import Unleash
from benchmarks.decisions.replay import Replay, Rule
from benchmarks.decisions.stream import Change, Requests, Stream, World
from benchmarks.decisions.table import ramps, verdict
from scipy.stats import mannwhitneyu, norm


def batch(minute: float, candidate: int, failed: int, ms: float = 100.0) -> Requests:
    """`candidate` requests of the candidate, `failed` of them failed, and as many good ones of the baseline."""
    on = np.arange(2 * candidate) < candidate
    count = len(on)
    none = np.zeros(count, bool)
    return Requests(
        np.arange(count),
        np.where(on, 0.0, 0.9),
        on,
        np.arange(count) < failed,
        none,
        none,
        np.full(count, ms),
        np.full(count, minute),
        np.zeros(count, np.int64),
    )


def steps(rule: Rule, batches: list[Requests]) -> list[str]:
    return [rule.look((i + 1) * rule.every, b) for i, b in enumerate(batches)]


def test_argo_needs_one_failure_more_than_its_limit_and_forgives_none() -> None:
    bad, good = batch(0, 100, 6), batch(0, 100, 5)
    assert steps(Argo(), [bad, good, bad, good, bad, good, bad]) == [*["on"] * 6, "stop"]
    assert steps(Argo(failure_limit=0), [good, bad]) == ["on", "stop"]
    assert steps(Argo(), [good] * 8)[-1] == "done"


def test_flagger_rolls_back_a_tick_after_its_tenth_failed_check() -> None:
    bad, good = batch(0, 100, 2), batch(0, 100, 1)
    assert steps(Flagger(), [bad] * 11) == [*["on"] * 10, "stop"]
    assert steps(Flagger(), [good] * 25) == [*["on"] * 24, "done"]
    assert steps(Flagger(), [batch(0, 100, 0, ms=501.0)] * 11)[-1] == "stop"
    assert steps(Flagger(), [batch(0, 0, 0)] * 11)[-1] == "stop"


SMALL = World(rate=60.0, users=1000)


def test_growthbook_cannot_lose_what_the_control_never_had() -> None:
    rule = GrowthBook(Stream(SMALL, (1,), 10))
    large = Estimate(d=0.05, v=1e-8, candidate=0.05, control=0.0, totals=(500.0, 0.0), units=(5000, 5000))
    assert not rule._lost(large)
    assert rule._lost(Estimate(0.05, 1e-8, 0.06, 0.01, (600.0, 100.0), (5000, 5000)))
    assert not rule._lost(Estimate(0.05, 1e-8, 0.06, 0.01, (149.0, 25.0), (5000, 5000)))


def test_growthbook_acts_at_the_end_of_a_step_only() -> None:
    stream = Stream(World(rate=600.0, users=20_000, errors=0.02), (2,), 1500)
    result = Replay(stream, Change(errors=10.0)).run(GrowthBook(stream))
    assert result.stopped % 60 == 0
    assert result.stopped >= 144


def test_launchdarkly_reverts_a_stage_that_too_few_users_have_seen() -> None:
    stream = Stream(World(rate=5.0, users=200), (3,), 300)
    assert Replay(stream, Change()).run(LaunchDarkly(stream)).stopped == 120


def test_unleash_watches_the_whole_application() -> None:
    """Five times the errors among 5 % of the users are a fifth more in all: less than twice the usual number."""
    stream = Stream(World(), (4,), 290)
    assert Replay(stream, Change(errors=5.0)).run(Unleash(stream)).stopped == np.inf
    assert Replay(stream, Change(errors=40.0)).run(Unleash(stream)).stopped < 120


def test_kayenta_ranks_as_scipy_does() -> None:
    g = np.random.default_rng(5)
    canary, baseline = np.round(g.normal(1.0, 1, 30), 1), np.round(g.normal(0, 1, 40), 1)
    p = mannwhitneyu(canary, baseline, alternative="greater", method="asymptotic").pvalue
    assert z_score(canary, baseline, 0.0) == pytest.approx(float(norm.isf(p)), abs=1e-6)
    assert high(canary, baseline)
    assert not high(baseline, canary)
    assert not high(np.zeros(30), np.zeros(30))


def test_kayenta_passes_after_its_lifetime() -> None:
    stream = Stream(World(), (6,), 300)
    assert Replay(stream, Change()).run(Kayenta()).completed == 180


def test_all_rules_meet_the_same_requests_and_only_the_candidate_hurts() -> None:
    """What a stream holds does not depend on the rule; a harmless candidate hurts nobody under any of them."""
    one, other = Stream(SMALL, (7,), 200), Stream(SMALL, (7,), 200)
    assert np.array_equal(one.user, other.user)
    assert np.array_equal(one.fails, other.fails)
    for rule in (Argo(), Flagger(), Kayenta()):
        assert Replay(one, Change()).run(rule).hurt == 0
    assert Replay(one, Change(errors=20.0)).run(Kayenta()).hurt > 0


def outcomes(hurt: dict[str, float], rolled_back: dict[str, float], hours: dict[str, float]) -> Outcomes:
    return Outcomes(
        {rule: Healthy(100, rolled_back[rule], 0.0, 1.0, hours[rule]) for rule in hurt},
        {"errors x2": {rule: Bad(10, 1.0, n, n) for rule, n in hurt.items()}},
    )


def test_the_table_says_where_a_peer_is_better() -> None:
    at = {"fader": 2.0, "fader, auto": 2.0, "Flagger": 0.5}
    false = {"fader": 0.01, "fader, auto": 0.0, "Flagger": 0.06}
    assert verdict(outcomes({"fader": 10, "fader, auto": 9, "Flagger": 11}, false, at)).startswith("fader hurts fewer")
    found = verdict(outcomes({"fader": 10, "fader, auto": 9, "Flagger": 10}, false, at))
    assert found.endswith("at 1.0 % false rollbacks or more): Flagger, errors x2: 10 against 10.")
    careful = {**false, "Flagger": 0.0}
    assert "fewer users" in verdict(outcomes({"fader": 10, "fader, auto": 9, "Flagger": 1}, careful, at))


def test_the_table_says_where_the_adaptive_ramp_is_worse_than_the_fixed_one() -> None:
    none = {"fader": 0.0, "fader, auto": 0.0}
    at = {"fader": 2.0, "fader, auto": 2.0}
    assert "no later" in ramps(outcomes({"fader": 10, "fader, auto": 10}, none, at))
    worse = ramps(outcomes({"fader": 10, "fader, auto": 11}, none, {**at, "fader, auto": np.inf}))
    assert worse.endswith("worse than the fixed one**: to 100 % in > 30 h against 2.0 h; errors x2: 11 against 10.")
    assert "no later" in ramps(outcomes({"fader": 10, "fader, auto": 10}, none, {"fader": np.inf, "fader, auto": 9.0}))


@pytest.mark.parametrize("change", [Change(errors=5.0), Change(latency=1.2, onset=60.0)])
def test_who_is_hurt_once_everybody_has_it_is_who_would_be_hurt_request_by_request(change: Change) -> None:
    stream = Stream(SMALL, (8,), 200)
    whole = Replay(stream, change)
    result = whole.run(Argo())
    assert result.completed == 40
    slowly = Replay(Stream(SMALL, (8,), 200), change)
    for minute in range(200):
        rule = Steady(share=(0.2, 0.4, 0.6, 0.8, 1.0)[min(minute // 10, 4)])
        slowly._happen(rule, minute, minute + 1)
    assert np.array_equal(whole.hurt, slowly.hurt)


@dataclass(frozen=True)
class Steady:
    share: float
    epoch: int = 0
    every: int = 1
    split: Literal["user", "request"] = "request"

    def look(self, minute: float, seen: Requests) -> Literal["on"]:
        return "on"
