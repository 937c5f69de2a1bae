"""CUPED against an independent implementation (tea-tasting) and against what it promises."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
import tea_tasting
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.stats.build import of_units

from fader.model.summary import ArmSummary
from fader.stats.arms import Arms
from fader.stats.clustered import difference, own_variance
from fader.stats.cuped import ENOUGH, adjusted


def users(seed: int, k: int = 3000) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Units with a past that tells of what they do; a third of them without any."""
    g = np.random.default_rng([81_000, seed])
    keen = g.lognormal(0, 0.7, k)
    known = g.random(k) < 0.67
    n = 1 + g.poisson(2 * keen)
    columns = {
        "n": n.astype(float),
        "y": g.poisson(0.4 * n * keen / 2).astype(float),
        "x": np.where(known, g.poisson(2 * keen) - 2.0, 0.0),
    }
    return columns, g.random(k) < 0.5


def arms(columns: dict[str, np.ndarray], candidate: np.ndarray, ones: bool) -> tuple[Arms, Arms]:
    n = np.ones(len(candidate)) if ones else columns["n"]
    summaries = (of_units(columns["y"][a], n[a], columns["x"][a]) for a in (candidate, ~candidate))
    c, b = (Arms.of([s]).take(0) for s in summaries)
    return c, b


def reference(columns: dict[str, np.ndarray], candidate: np.ndarray, ones: bool, covariate: bool) -> object:
    n, again = (None, None) if ones else ("n", "again")  # it wants the covariate's denominator by another name
    metric = tea_tasting.RatioOfMeans("y", n, *(("x", again) if covariate else ()), use_t=False)
    table = pa.table({**columns, "again": columns["n"], "variant": candidate.astype(int)})
    return tea_tasting.Experiment(found=metric).analyze(table)["found"]


@pytest.mark.parametrize("ones", [True, False])
@pytest.mark.parametrize("covariate", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_agrees_with_tea_tasting(seed: int, covariate: bool, ones: bool) -> None:
    """Estimates to 1e-9, variances but for the K/(K-1) that they estimate them with."""
    columns, candidate = users(seed)
    if not covariate:
        columns["x"] = columns["x"] * 0
    c, b, _ = adjusted(*arms(columns, candidate, ones))
    d = difference(c, b)
    expected = reference(columns, candidate, ones, covariate)
    assert float(d.candidate) == pytest.approx(expected.treatment, rel=1e-9)
    assert float(d.baseline) == pytest.approx(expected.control, rel=1e-9)
    v = sum(float(own_variance(arm)) * float(arm.units / (arm.units - 1)) for arm in (c, b))
    assert d.estimate / np.sqrt(v) == pytest.approx(expected.statistic, rel=1e-6)


def test_the_share_that_is_left() -> None:
    columns, candidate = users(9)
    c, b = arms(columns, candidate, ones=True)
    moved, still, left = adjusted(c, b)
    squares = float(difference(c, b).squares), float(difference(moved, still).squares)
    assert left == pytest.approx(squares[1] / squares[0])
    assert 0.5 < left < 0.9


def test_without_a_past_nothing_changes() -> None:
    columns, candidate = users(1)
    c, b = arms({**columns, "x": columns["x"] * 0}, candidate, ones=True)
    moved, still, left = adjusted(c, b)
    assert (moved.events, still.yy, left) == (c.events, b.yy, 1.0)


def test_a_handful_of_events_says_nothing_of_a_slope() -> None:
    """One short of enough units with an event, all of whom happen to have had one before."""
    y = np.r_[np.ones(ENOUGH - 1), np.zeros(5000)]
    few = of_units(y, x=y)
    c, b = Arms.of([few]).take(0), Arms.of([of_units(np.zeros(5000))]).take(0)
    assert adjusted(c, b)[2] == 1.0


def test_the_outcome_itself_is_no_covariate() -> None:
    y = np.random.default_rng(3).poisson(1.0, 2000).astype(float)
    same = Arms.of([of_units(y, x=y - y.mean())]).take(0)
    assert adjusted(same, same)[2] == 1.0


@given(st.lists(st.tuples(st.floats(0, 20), st.integers(1, 9), st.floats(-9, 9)), min_size=4, max_size=300))
def test_it_never_adds_variance_and_leaves_the_sum_of_both_arms(rows: list[tuple[float, int, float]]) -> None:
    y, n, x = (np.array(column, float) for column in zip(*rows * 60, strict=True))
    half = len(y) // 2
    c, b = (Arms.of([of_units(y[a], n[a], x[a])]).take(0) for a in (slice(half), slice(half, None)))
    moved, still, left = adjusted(c, b)
    assert 0 < left <= 1
    assert difference(moved, still).squares <= difference(c, b).squares * (1 + 1e-9)
    assert moved.events + still.events == pytest.approx(c.events + b.events, rel=1e-6, abs=1e-6)


def test_an_empty_arm_is_left_alone() -> None:
    empty = Arms.of([ArmSummary()]).take(0)
    assert adjusted(empty, empty)[2] == 1.0
