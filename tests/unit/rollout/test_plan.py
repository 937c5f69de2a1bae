from __future__ import annotations

import pytest
from tests.unit.rollout.build import NOW, spec, state
from tests.unit.stats.build import latency_guardrail

from fader.model.share import WHOLE, Interval
from fader.model.state import Phase
from fader.rollout.plan import cell, is_last, next_share, quantile_margin, stakes


def test_next_share() -> None:
    assert [next_share(spec(), state(stage=i)) for i in range(4)] == [100_000, 250_000, 500_000, WHOLE]
    assert [is_last(spec(), state(stage=i)) for i in range(4)] == [False, False, False, True]


def test_margins_shrink_as_the_next_share_grows() -> None:
    margins = [stakes(spec(), state(stage=i)).margin(spec().guardrails[0]) for i in range(4)]
    assert margins == pytest.approx([0.1, 0.04, 0.02, 0.01])


class TestCell:
    def test_what_is_summed(self) -> None:
        c = cell(spec(), state(stage=1, start=990_000), NOW)
        assert c.key == ("shop-v2", 1, 1)
        assert c.interval == Interval(990_000, 100_000)
        assert (c.since, c.until, c.salt, c.candidate) == (NOW, 0.0, "shop/shop-v2", "v2")
        errors, latency = c.metrics
        assert (errors.threshold, errors.margin_threshold) == (0.0, 0.0)
        assert latency.threshold == 100.0
        assert latency.margin_threshold == pytest.approx(100 * (1 + 0.1 / 0.25))

    def test_stays_the_same_after_the_stage_has_ended(self) -> None:
        during = cell(spec(), state(stage=2), NOW, NOW + 9)
        assert cell(spec(), state(Phase.ROLLED_BACK, stage=2), NOW, NOW + 9) == during

    def test_nothing_learnt(self) -> None:
        c = cell(spec(), state(bases=()), NOW)
        assert [m.threshold for m in c.metrics] == [0.0, 0.0]
        assert [m.margin_threshold for m in c.metrics] == [0.0, 0.0]


@pytest.mark.parametrize(
    ("kind", "better", "tolerate", "scale", "expected"),
    [
        ("relative", "lower", 0.1, 10, 200.0),
        ("relative", "higher", 0.1, 2, 80.0),
        ("relative", "higher", 0.1, 20, 10.0),
        ("absolute", "lower", 20, 2, 140.0),
        ("absolute", "higher", 20, 2, 60.0),
        ("absolute", "higher", 20, 50, 10.0),
    ],
)
def test_quantile_margins(kind: str, better: str, tolerate: float, scale: float, expected: float) -> None:
    g = latency_guardrail(tolerate, kind, better)
    assert quantile_margin(g, 100.0, scale) == pytest.approx(expected)
