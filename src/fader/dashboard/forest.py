"""The small picture beside a number: a difference with its interval, against zero and what is tolerated. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.rollout import Guardrail, Outcome
from fader.model.verdict import Judgement, Reading
from fader.stats.judge import UNBOUNDED


@dataclass(frozen=True, slots=True)
class Forest:
    """Positions in per cent of the width. `margin` is None where it has no place on the scale. `inner`: where the
    tighter interval of an experiment's planned end begins, and its width; None without one."""

    zero: float
    low: float
    width: float
    estimate: float
    margin: float | None
    inner: tuple[float, float] | None = None


def tolerated(line: Guardrail | Outcome, baseline: float) -> float | None:
    """The change that is tolerated, as a difference from the baseline's value and with its sign: a fall where higher
    is better. None for a relative margin of a quantile.

    A quantile is judged by the share of slow requests, its margin is a rise of the quantile itself: two scales.
    """
    if line.metric.kind == "quantile" and line.tolerate.kind == "relative":
        return None
    size = line.tolerate.value * (1.0 if line.tolerate.kind == "absolute" else baseline)
    return size if line.metric.better == "lower" else -size


def forest(guardrail: Guardrail, judgement: Judgement) -> Forest | None:
    """None while nothing is known: an interval that is not finite or empty draws no picture."""
    margin = tolerated(guardrail, judgement.baseline_rate)
    return drawn(judgement.low, judgement.high, judgement.rise, margin)


def of_reading(outcome: Outcome, reading: Reading) -> Forest | None:
    margin = tolerated(outcome, reading.baseline_value)
    inner = None
    if reading.fixed_low is not None and reading.fixed_high is not None:
        inner = reading.fixed_low, reading.fixed_high
    return drawn(reading.low, reading.high, reading.effect, margin, inner)


def drawn(
    low: float, high: float, estimate: float, margin: float | None, inner: tuple[float, float] | None = None
) -> Forest | None:
    if not all(abs(x) < UNBOUNDED for x in (low, high, estimate)) or high <= low:
        return None
    reach = max(abs(low), abs(high), 1.5 * abs(margin or 0.0)) * 1.08

    def place(value: float) -> float:
        return round(50 + 50 * max(-reach, min(value, reach)) / reach, 2)

    return Forest(
        zero=place(0.0),
        low=place(low),
        width=round(place(high) - place(low), 2),
        estimate=place(estimate),
        margin=None if margin is None else place(margin),
        inner=None if inner is None else (place(inner[0]), round(place(inner[1]) - place(inner[0]), 2)),
    )
