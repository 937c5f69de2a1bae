"""The demo's stream on a simulated clock, through the real decision: 20 seeded runs of each scenario.

2,000 visitors, 0.4 requests a second each, stages 5-10-25-50-100 %, bake 15 s, tolerate 1 pp and 10 %.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from tests.statistical.shop import SCENARIOS, Run, Shop, shop_spec

from fader.model.state import Phase

pytestmark = pytest.mark.slow

SEEDS = range(20)


@cache
def runs(scenario: str) -> tuple[Run, ...]:
    return tuple(Shop(seed, SCENARIOS[scenario]).run() for seed in SEEDS)


@pytest.mark.parametrize("scenario", ["healthy", "flaky-baseline"])
def test_a_healthy_candidate_completes(scenario: str) -> None:
    completed = [r for r in runs(scenario) if r.phase is Phase.COMPLETED]
    assert len(completed) >= len(SEEDS) - 1, [r.cause for r in runs(scenario) if r not in completed]
    assert np.median([r.seconds for r in completed]) <= 90
    assert max(r.seconds for r in completed) <= 170


@pytest.mark.parametrize("scenario", ["errors", "slow", "crash"])
def test_no_bad_candidate_is_missed(scenario: str) -> None:
    assert {r.phase for r in runs(scenario)} == {Phase.ROLLED_BACK}, [r.cause for r in runs(scenario)]


def test_errors_are_found_at_the_first_stage_with_few_hurt() -> None:
    """About 1 in 70 runs needs the second stage for its proof."""
    found = runs("errors")
    assert sum(r.stage == 0 for r in found) >= len(SEEDS) - 1
    assert max(r.harmed for r in found) <= 25
    assert np.median([r.harmed for r in found]) <= 12
    assert all("errors rose" in r.cause for r in found)


def test_slowness_is_found_at_the_first_stage() -> None:
    assert {r.stage for r in runs("slow")} == {0}
    assert np.median([r.to_decision for r in runs("slow")]) <= 6
    assert all("latency rose" in r.cause for r in runs("slow"))


def test_a_crash_is_found_where_it_happens() -> None:
    crashed = [r for r in runs("crash") if "no healthy endpoint" in r.cause]
    assert len(crashed) >= len(SEEDS) - 1
    assert {r.stage for r in crashed} == {2}


def test_the_same_seed_is_the_same_run() -> None:
    again = Shop(3, SCENARIOS["errors"]).run()
    assert again.decisions == runs("errors")[3].decisions


def test_each_run_has_every_stage_in_order() -> None:
    for run in runs("healthy"):
        if run.phase is Phase.COMPLETED:
            stages = [d.state.stage for d in run.decisions if d.event]
            assert stages == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("scenario", ["healthy", "flaky-baseline"])
def test_long_stages_of_busy_users_are_proven_safe_too(scenario: str) -> None:
    """600 requests a user and stage: nearly everybody has had errors, and many slow requests, on either version."""
    shop = Shop(1, SCENARIOS[scenario], shop_spec(bake=200.0), visitors=400, rate=3.0)
    assert shop.run(limit=1200).phase is Phase.COMPLETED
