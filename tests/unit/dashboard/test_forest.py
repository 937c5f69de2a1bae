from dataclasses import replace

import pytest

from fader.dashboard.forest import forest
from fader.model.metric import Margin, Metric
from fader.model.rollout import Guardrail
from fader.model.verdict import Judgement, Verdict

ERRORS = Guardrail(Metric("errors", "proportion"), Margin("absolute", 0.002))
SEEN = Judgement("errors", Verdict.HARMFUL, 0.031, 0.003, rise=0.028, low=0.01, high=0.045)


def test_a_rise_lies_right_of_zero_and_inside_its_interval() -> None:
    drawn = forest(ERRORS, SEEN)
    assert drawn is not None
    assert drawn.zero == 50
    assert drawn.margin is not None
    assert drawn.zero < drawn.margin < drawn.low < drawn.estimate < drawn.low + drawn.width < 100


def test_a_relative_margin_of_a_share_is_scaled_by_the_baseline() -> None:
    relative = replace(ERRORS, tolerate=Margin("relative", 1.0))
    drawn, absolute = forest(relative, SEEN), forest(replace(ERRORS, tolerate=Margin("absolute", 0.003)), SEEN)
    assert drawn is not None
    assert absolute is not None
    assert drawn.margin == pytest.approx(absolute.margin)


def test_a_quantile_margin_has_no_place_among_shares() -> None:
    latency = Guardrail(Metric("latency", "quantile", value="duration_ms", q=0.95), Margin("relative", 0.1))
    drawn = forest(latency, SEEN)
    assert drawn is not None
    assert drawn.margin is None


@pytest.mark.parametrize("bounds", [(0.0, 0.0), (float("-inf"), 0.1), (-0.1, float("nan"))])
def test_what_is_not_known_is_not_drawn(bounds: tuple[float, float]) -> None:
    assert forest(ERRORS, replace(SEEN, low=bounds[0], high=bounds[1])) is None
