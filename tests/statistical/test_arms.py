"""An experiment with three arms beside each other: how often it is wrong. Seeds, replications and tolerances are below.

Tolerances: a rate of errors may exceed its nominal value by three standard errors of the simulation.
"""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
from tests.unit.rollout.build import BASES, BUYERS, NOW, spec, state

from fader.model.evidence import Evidence, MetricEvidence
from fader.model.rollout import Experiment, RolloutSpec, Stage
from fader.model.share import WHOLE
from fader.model.state import Basis, RolloutState
from fader.model.summary import ArmSummary
from fader.model.verdict import Reading, Verdict
from fader.rollout.beside import judged, rival
from fader.rollout.decide import readings

pytestmark = pytest.mark.slow

RUNS, UNITS, RATE = 400, 8_000, 0.3
LOOKS = (250, 500, 1_000, 2_000, 3_000, 4_500, 6_000, UNITS)
TRIAL: RolloutSpec = spec(
    stages=(Stage(250_000, 15.0), Stage(WHOLE, 0.0)),
    guardrails=(),
    outcomes=(BUYERS,),
    experiment=Experiment(250_000, 86_400.0, "conversion", beside=("v3", "v4")),
)
STATE: RolloutState = state(stage=0, share=250_000, bases=(*BASES, Basis("conversion", RATE)))


def allowed(rate: float, runs: int = RUNS) -> float:
    return rate + 3 * sqrt(rate * (1 - rate) / runs)


def bought(g: np.random.Generator, rates: dict[str, float]) -> dict[str, np.ndarray]:
    """Who buys, in the order of arrival: as many units in each arm."""
    return {arm: g.random(UNITS) < rate for arm, rate in rates.items()}


def seen(arms: dict[str, np.ndarray], units: int) -> Evidence:
    def summary(arm: str) -> ArmSummary:
        y = int(arms[arm][:units].sum())
        return ArmSummary(units, units, y, y, y, units, y, y)

    others = tuple((arm, summary(arm)) for arm in ("v3", "v4"))
    return Evidence(NOW, 0, (MetricEvidence("conversion", summary("v2"), summary("v1"), others=others),))


def read(arms: dict[str, np.ndarray], units: int, fixed: bool = False) -> tuple[Reading, ...]:
    return readings(TRIAL, STATE, seen(arms, units), fixed=fixed)


@pytest.mark.parametrize("effects", [(0.0, 0.0, 0.0), (0.02, 0.0, -0.03)], ids=["none", "some"])
def test_all_intervals_together_cover_the_effects(effects: tuple[float, ...]) -> None:
    """At every look and of every arm (1 %), and those at the planned end (4 %): none of three misses."""
    g = np.random.default_rng([20261126, len(set(effects))])
    by_arm = dict(zip(("v2", "v3", "v4"), effects, strict=True))
    missed = missed_fixed = wrong = 0
    for _ in range(RUNS):
        arms = bought(g, {"v1": RATE} | {arm: RATE + effect for arm, effect in by_arm.items()})
        looks = [r for units in LOOKS for r in read(arms, units)]
        missed += any(not r.low <= by_arm[r.arm] <= r.high for r in looks)
        end = read(arms, UNITS, fixed=True)
        assert [r.arm for r in end] == ["v2", "v3", "v4"]
        missed_fixed += any(not (r.fixed_low or 0) <= by_arm[r.arm] <= (r.fixed_high or 0) for r in end)
        false = [r for r in (*looks, *end) if r.verdict == "better" and by_arm[r.arm] <= 0]
        wrong += bool(false)
    assert missed / RUNS <= allowed(0.01)
    assert missed_fixed / RUNS <= allowed(0.04)
    assert wrong / RUNS <= allowed(0.05)


def test_an_undivided_alpha_would_miss_more_often() -> None:
    """The division by the number of arms is needed: with it the width grows, and without it the rate would."""
    g = np.random.default_rng(7)
    arms = bought(g, dict.fromkeys(("v1", "v2", "v3", "v4"), RATE))
    alone = replace(TRIAL, experiment=replace(TRIAL.experiment, beside=()))
    pair = replace(seen(arms, UNITS), metrics=(replace(seen(arms, UNITS).metrics[0], others=()),))
    [narrow] = readings(alone, STATE, pair, fixed=True)
    wide = read(arms, UNITS, fixed=True)[0]
    assert narrow.fixed_alpha == pytest.approx(3 * wide.fixed_alpha)
    assert (wide.high - wide.low) > (narrow.high - narrow.low)


def test_a_harmless_arm_is_hardly_ever_taken_out_and_no_arm_falsely_beats_the_candidate() -> None:
    """Under the null, over all looks: any of two arms taken out in at most 5 %, any called better than the candidate in
    at most 5 %; an arm that sells a quarter less is taken out in at least 99 %."""
    g = np.random.default_rng(20261127)
    taken = beaten = caught = 0
    for _ in range(RUNS):
        arms = bought(g, dict.fromkeys(("v1", "v2", "v3", "v4"), RATE))
        taken += any(
            j.log_e_harm >= j.harm_threshold for units in LOOKS for j in judged(TRIAL, STATE, seen(arms, units))
        )
        beaten += rival(TRIAL, STATE, seen(arms, UNITS)) is not None
        arms["v3"] = g.random(UNITS) < RATE * 0.75
        harmful = {j.arm for j in judged(TRIAL, STATE, seen(arms, UNITS)) if j.verdict is Verdict.HARMFUL}
        caught += "v3" in harmful
    assert taken / RUNS <= allowed(0.05)
    assert beaten / RUNS <= allowed(0.05)
    assert caught / RUNS >= 0.99
