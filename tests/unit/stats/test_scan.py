"""The scan against the published vector of e-BH and against what it promises."""

from __future__ import annotations

from dataclasses import replace
from math import inf, log, pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.evidence import NameEvidence
from fader.stats.grid import log_e_grid
from fader.stats.scan import FEWEST, e_bh, first_seen, fresh, log_e_both, ratio_band, scan

SUPPORT = NameEvidence("event", "support", 320, 3000, "lower")
USUAL = tuple(NameEvidence("route", f"GET /items/{i}", 50 + i, 950 + 19 * i) for i in range(30))


class TestEBH:
    def test_the_published_vector(self) -> None:
        """e = 200, 90, 50, 30, 12, 8, 1, 1, .5, .1 at q = .1: exactly the first four."""
        found, threshold = e_bh(np.log([200, 90, 50, 30, 12, 8, 1, 1, 0.5, 0.1]), 0.1)
        assert found.tolist() == [True] * 4 + [False] * 6
        assert threshold == pytest.approx(log(10 / (0.1 * 4)))

    def test_the_order_does_not_matter(self) -> None:
        found, _ = e_bh(np.log([1, 50, 0.5, 200, 30, 90, 12, 8, 1, 0.1]), 0.1)
        assert np.flatnonzero(found).tolist() == [1, 3, 4, 5]

    def test_none(self) -> None:
        assert e_bh(np.zeros(0), 0.1)[0].tolist() == []
        found, threshold = e_bh(np.zeros(3), 0.1)
        assert not found.any()
        assert threshold == pytest.approx(log(30))

    @given(st.lists(st.floats(-20, 20), min_size=1, max_size=40), st.floats(0.01, 0.5))
    def test_as_its_definition_says(self, log_e: list[float], q: float) -> None:
        """Reject the k* largest, k* the largest k whose k-th largest is at least K/(q k)."""
        ordered = sorted(log_e, reverse=True)
        best = max((k for k in range(1, len(ordered) + 1) if ordered[k - 1] >= log(len(ordered) / (q * k))), default=0)
        found, _ = e_bh(np.array(log_e), q)
        assert found.sum() >= best
        assert sorted(np.array(log_e)[found], reverse=True)[:best] == ordered[:best]
        assert all(e == ordered[best - 1] for e in sorted(np.array(log_e)[found], reverse=True)[best:])


class TestScan:
    def test_what_doubled_is_named(self) -> None:
        found = scan((*USUAL, SUPPORT), 0.05)
        assert [s.name for s in found] == ["support"]
        signal = found[0]
        assert signal.ratio == pytest.approx(320 / 3000 * 19)
        assert 1 < signal.low < signal.ratio < signal.high < 4
        assert signal.log_e == pytest.approx(float(log_e_both(320, 3000, 0.05)))
        assert signal.threshold == pytest.approx(log(31 / 0.1))
        assert signal.harmful
        assert not signal.new

    def test_a_fall_is_seen_too(self) -> None:
        fewer = NameEvidence("event", "order", 20, 2000, "higher")
        found = scan((*USUAL, fewer), 0.05)
        assert found[0].ratio < 1
        assert found[0].high < 1
        assert found[0].harmful

    @pytest.mark.parametrize(("better", "harmful"), [("", False), ("higher", False), ("lower", True)])
    def test_harm_needs_a_declared_direction(self, better: str, harmful: bool) -> None:
        assert scan((replace(SUPPORT, better=better),), 0.05)[0].harmful is harmful

    def test_the_strongest_comes_first(self) -> None:
        stronger = replace(SUPPORT, name="more", candidate=600)
        assert [s.name for s in scan((*USUAL, SUPPORT, stronger), 0.05)] == ["more", "support"]

    def test_names_that_hardly_occurred_are_not_counted(self) -> None:
        rare = tuple(NameEvidence("event", f"rare{i}", 1, FEWEST - 2) for i in range(1000))
        assert scan((*USUAL, SUPPORT, *rare), 0.05) == scan((*USUAL, SUPPORT), 0.05)

    def test_nothing_occurred(self) -> None:
        assert scan((), 0.05) == ()
        assert scan((NameEvidence("event", "x", 0, 0),), 0.05) == ()

    def test_never_in_the_baseline(self) -> None:
        signal = scan((NameEvidence("event", "x", 12, 0),), 0.05)[0]
        assert (signal.ratio, signal.high) == (inf, inf)
        assert signal.low > 3

    @given(st.lists(st.tuples(st.integers(0, 400), st.integers(0, 400)), max_size=60), st.floats(0.01, 0.99))
    def test_any_counts(self, counts: list[tuple[int, int]], share: float) -> None:
        names = tuple(NameEvidence("event", str(i), c, b) for i, (c, b) in enumerate(counts))
        for signal in scan(names, share):
            assert signal.low <= signal.ratio <= signal.high
            assert signal.log_e >= signal.threshold - 1e-9
            # The confidence sequence is of the same test: what is called different does not cover 1.
            assert signal.low >= 1 or signal.high <= 1

    @given(st.integers(0, 500), st.integers(0, 500))
    def test_the_arms_are_alike_at_even_shares(self, c: int, b: int) -> None:
        assert log_e_both(c, b, 0.5) == pytest.approx(float(log_e_both(b, c, 0.5)), abs=1e-9)

    @given(st.integers(0, 300), st.integers(0, 300), st.floats(0.01, 0.99), st.floats(2.5, 9))
    def test_the_sequence_holds_what_the_test_does_not_refute(self, c: int, b: int, share: float, bar: float) -> None:
        low, high = ratio_band(np.array([float(c)]), np.array([float(b)]), share, bar)
        for ratio in np.geomspace(2e-4, 5e3, 60):
            held = float(log_e_both(c, b, share, ratio)) < bar
            if low[0] * 1.001 < ratio < high[0] / 1.001:
                assert held
            elif ratio < low[0] / 1.001 or ratio > high[0] * 1.001:
                assert not held


class TestFresh:
    """Threshold of three guardrails, one test for fingerprints and four stages at alpha .05: log 320."""

    BAR = log(320)

    def crash(self, candidate: int, baseline: int = 0, name: str = "500 GET /pay") -> NameEvidence:
        return NameEvidence("fingerprint", name, candidate, baseline, "lower")

    def test_an_error_of_the_candidate_alone_is_proven_by_a_handful_of_units(self) -> None:
        at = [n for n in range(1, 12) if fresh((self.crash(n),), 0.05, self.BAR)]
        assert at[0] <= 4
        found = fresh((self.crash(5),), 0.05, self.BAR)[0]
        assert found.new
        assert found.harmful
        assert found.threshold == pytest.approx(self.BAR + log(pi**2 / 6))
        assert found.log_e == pytest.approx(float(log_e_grid(5, 0, 0.05)))

    def test_also_as_the_tenth_that_appeared(self) -> None:
        old = tuple(self.crash(1, 19, f"old {i}") for i in range(9))
        assert fresh((*old, self.crash(6)), 0.05, self.BAR)
        assert not fresh((*old, self.crash(4)), 0.05, self.BAR)

    def test_only_fingerprints_count_in_the_order(self) -> None:
        assert fresh((*USUAL, self.crash(5)), 0.05, self.BAR) == fresh((self.crash(5),), 0.05, self.BAR)

    def test_what_the_baseline_has_too_is_not_new(self) -> None:
        """Three times as often, and proven: the guardrail's business, which knows what is tolerated."""
        assert float(log_e_grid(60, 380, 0.05)) > self.BAR + 1
        assert fresh((self.crash(60, 380),), 0.05, self.BAR) == ()

    def test_hardly_ever_in_the_baseline_is_new(self) -> None:
        assert fresh((self.crash(9, 3),), 0.05, self.BAR)

    def test_nothing_occurred(self) -> None:
        assert fresh((), 0.05, self.BAR) == ()

    def test_the_weights_sum_to_one(self) -> None:
        assert np.exp(-first_seen(np.arange(1, 200_000))).sum() == pytest.approx(1, abs=1e-5)
