"""The small picture beside a guardrail: the rise with its interval against zero and what is tolerated. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass

from fader.model.rollout import Guardrail
from fader.model.verdict import Judgement


@dataclass(frozen=True, slots=True)
class Forest:
    """Positions in per cent of the width. `margin` is None where it has no place on a scale of shares."""

    zero: float
    low: float
    width: float
    estimate: float
    margin: float | None


def tolerated_rise(guardrail: Guardrail, judgement: Judgement) -> float | None:
    """The tolerated rise as a difference of shares; None for a relative margin of a quantile.

    A quantile is judged by the share of slow requests, its margin is a rise of the quantile itself: two scales.
    """
    if guardrail.tolerate.kind == "absolute":
        return guardrail.tolerate.value
    if guardrail.metric.kind == "proportion":
        return guardrail.tolerate.value * judgement.baseline_rate
    return None


def forest(guardrail: Guardrail, judgement: Judgement) -> Forest | None:
    """None while nothing is known: an interval that is not finite or empty draws no picture."""
    low, high, rise = judgement.low, judgement.high, judgement.rise
    if not all(map(math.isfinite, (low, high, rise))) or high <= low:
        return None
    margin = tolerated_rise(guardrail, judgement)
    reach = max(abs(low), abs(high), 1.5 * (margin or 0.0)) * 1.08

    def place(value: float) -> float:
        return round(50 + 50 * max(-reach, min(value, reach)) / reach, 2)

    return Forest(
        zero=place(0.0),
        low=place(low),
        width=round(place(high) - place(low), 2),
        estimate=place(rise),
        margin=None if margin is None else place(margin),
    )
