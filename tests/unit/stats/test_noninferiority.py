from __future__ import annotations

from dataclasses import replace
from math import log

import pytest
from tests.unit.stats.build import arm

from fader.model.summary import ArmSummary
from fader.stats.grid import theta
from fader.stats.noninferiority import log_e_absolute, log_e_quantile, log_e_relative
from fader.stats.normal_mixture import log_e_norm1

PROOF = log(20)


class TestAbsolute:
    def test_the_formula(self) -> None:
        """One request each: variance of candidate at the margin plus that of the baseline as it is."""
        found = log_e_absolute(arm(1000, 1, 5), arm(9000, 1, 45), 0.01)
        v = 0.015 * 0.985 / 1000 + 0.005 * 0.995 / 9000
        assert found == pytest.approx(log_e_norm1(0.0, v, 0.005, null=-0.01))

    def test_a_service_without_any_error_is_proven_safe(self) -> None:
        assert log_e_absolute(arm(100, 6, 0), arm(1900, 6, 0), 0.1) >= PROOF
        assert log_e_absolute(arm(2000, 1, 0), arm(2000, 1, 0), 0.01) >= PROOF

    def test_a_few_requests_without_error_prove_nothing(self) -> None:
        assert log_e_absolute(arm(20, 1, 0), arm(380, 1, 0), 0.1) < PROOF

    def test_what_stands_at_the_margin_is_not_safe(self) -> None:
        assert log_e_absolute(arm(1000, 1, 30), arm(9000, 1, 90), 0.02) < 0

    def test_nobody_yet(self) -> None:
        assert log_e_absolute(ArmSummary(), arm(10, 1, 0), 0.01) == 0.0

    def test_a_margin_beyond_everything_still_needs_people(self) -> None:
        assert log_e_absolute(arm(1, 1, 0), arm(19, 1, 0), 2.0) < PROOF
        assert log_e_absolute(arm(20, 1, 0), arm(380, 1, 0), 2.0) >= PROOF

    def test_sticky_errors_need_more(self) -> None:
        each = arm(400, 10, 40), arm(400, 10, 40)
        sticky = tuple(replace(a, events=40, yy=200, yn=400, first=8) for a in each)
        assert log_e_absolute(*sticky, 0.02) < log_e_absolute(*each, 0.02)

    def test_units_at_their_cap_do_not_hide_a_rise(self) -> None:
        """Each unit is at 5 events in both arms; uncapped, the candidate has three times as many."""
        capped = ArmSummary(500, 50_000, 2500, 12_500, 250_000, 5_000_000, 500, 2500)
        candidate, baseline = replace(capped, failures=7500), replace(capped, failures=2500)
        assert log_e_absolute(candidate, capped, 0.05) < 0
        assert log_e_absolute(baseline, capped, 0.05) >= PROOF

    def test_higher_is_better_is_the_mirror(self) -> None:
        good = arm(1000, 1, 900), arm(1000, 1, 905)
        bad = arm(1000, 1, 100), arm(1000, 1, 95)
        assert log_e_absolute(*good, 0.05, better="higher") == pytest.approx(log_e_absolute(*bad, 0.05))
        assert log_e_absolute(arm(1000, 1, 800), arm(1000, 1, 900), 0.05, better="higher") < 0
        assert log_e_absolute(arm(1000, 1, 990), arm(1000, 1, 900), 0.05, better="higher") >= PROOF


class TestRelative:
    def test_the_likelihood_ratio_on_units_with_an_event(self) -> None:
        edge, one = theta(0.05, 3.0), 0.05
        expected = 13 * log(one / edge) + 250 * log((1 - one) / (1 - edge))
        assert log_e_relative(arm(5000, 1, 13), arm(95_000, 1, 250), 0.05, 2.0) == pytest.approx(expected)

    def test_a_fall_by_more_than_nine_tenths_would_leave_nothing_to_compare(self) -> None:
        edge = float(theta(0.5, 0.1))
        expected = 40 * log(0.5 / edge) + 60 * log(0.5 / (1 - edge))
        assert log_e_relative(arm(5000, 1, 40), arm(5000, 1, 60), 0.5, 5.0, "higher") == pytest.approx(expected)

    def test_where_everybody_has_one_the_number_counts(self) -> None:
        """All units erred in both arms, so first events look alike; the candidate errs twice as often."""
        saturated = ArmSummary(1000, 100_000, 3000, 9_300, 300_000, 10_000_000, 950, 3000)
        double = replace(saturated, events=5000, yy=25_500, yn=500_000, failures=6000)
        assert log_e_relative(double, saturated, 0.5, 0.2) < 0
        assert log_e_relative(saturated, saturated, 0.5, 0.2) >= PROOF

    def test_no_events_prove_nothing(self) -> None:
        assert log_e_relative(arm(100, 1, 0), arm(100, 1, 0), 0.5, 0.1) == 0.0
        assert log_e_relative(ArmSummary(), ArmSummary(), 0.5, 0.1) == 0.0

    def test_one_arm_alone_where_events_are_common(self) -> None:
        assert log_e_relative(ArmSummary(), arm(100, 5, 50), 0.5, 0.1) == 0.0

    @pytest.mark.parametrize("margin", [0.2, 5.0])
    def test_higher_is_better_is_the_mirror(self, margin: float) -> None:
        assert log_e_relative(arm(5000, 1, 400), arm(5000, 1, 400), 0.5, margin, "higher") >= PROOF
        assert log_e_relative(arm(5000, 1, 10), arm(5000, 1, 400), 0.5, margin, "higher") < 0
        assert log_e_relative(arm(5000, 1, 2500), arm(5000, 1, 2500), 0.5, margin, "higher") >= PROOF
        assert log_e_relative(arm(5000, 1, 100), arm(5000, 1, 2500), 0.5, margin, "higher") < 0


class TestQuantile:
    def test_fewer_above_the_margin_than_the_baseline_above_its_quantile(self) -> None:
        assert log_e_quantile(arm(1000, 1, 50, over=20), arm(1000, 1, 50), 0.05) >= PROOF

    def test_as_many_is_the_margin_itself(self) -> None:
        assert log_e_quantile(arm(1000, 1, 90, over=50), arm(1000, 1, 50), 0.05) < 0

    def test_no_gate(self) -> None:
        assert log_e_quantile(arm(800, 1, 10, over=0), arm(8000, 1, 400), 0.05) >= PROOF

    def test_nothing_above_anything(self) -> None:
        assert log_e_quantile(arm(100, 1, 0), arm(100, 1, 0), 0.05) == 0.0
        assert log_e_quantile(ArmSummary(), arm(100, 1, 5), 0.05) == 0.0

    def test_higher_is_better_is_the_mirror(self) -> None:
        assert log_e_quantile(arm(1000, 1, 500, over=620), arm(1000, 1, 500), 0.5, "higher") >= PROOF
        assert log_e_quantile(arm(1000, 1, 500, over=480), arm(1000, 1, 500), 0.5, "higher") < 0
