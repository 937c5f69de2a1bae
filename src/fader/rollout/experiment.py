"""The stage that is held for a while and then read once: an A/B test inside the ramp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.rollout import Outcome, RolloutSpec
from fader.model.state import RolloutState
from fader.model.verdict import Reading
from fader.rollout import explain, explain_outcome
from fader.rollout.learning import primary
from fader.rollout.plan import next_share, stage_of


@dataclass(frozen=True, slots=True)
class Conclusion:
    event: Literal["ask", "advance", "hold"]
    reason: str


def main_reading(spec: RolloutSpec, readings: tuple[Reading, ...]) -> Reading:
    """That of the candidate on the primary outcome; unknown where there is none."""
    name = spec.experiment.primary if spec.experiment else ""
    missing = Reading(name, spec.candidate, "unknown", missing="there is no reading of it")
    return next((r for r in readings if (r.metric, r.arm) == (name, spec.candidate)), missing)


def conclude(
    spec: RolloutSpec, state: RolloutState, readings: tuple[Reading, ...], rival: Reading | None = None
) -> Conclusion | None:
    """What the readings at the end of the experiment lead to; None where they are unknown.

    A person decides where that was asked for, by the experiment or by the stage's gate, and where a further arm is
    better than the candidate: `rival`, its reading against the candidate.
    """
    outcome, found = primary(spec), main_reading(spec, readings)
    if spec.experiment is None or outcome is None or found.verdict == "unknown":
        return None
    said, ahead = explain_outcome.verdict(spec, state, found), next_share(spec, state)
    decide = spec.experiment.decide
    if rival is not None:
        said = f"{said}; {explain_outcome.rival(spec, rival)}"
    if decide == "ask" or rival is not None or stage_of(spec, state).gate == "manual":
        return Conclusion("ask", explain_outcome.asks(spec, state, said, ahead))
    if found.verdict == "better" if decide == "better" else not_worse(outcome, found):
        return Conclusion("advance", explain_outcome.goes_on(spec, state, said, ahead))
    why = f"{said}; {explain_outcome.not_shown(found.metric, decide)}"
    return Conclusion("hold", explain.held(spec, state, why))


def not_worse(outcome: Outcome, reading: Reading) -> bool:
    """Whether even the bad end of the interval is inside `tolerate`. Undecided is not enough."""
    low = reading.low if reading.fixed_low is None else reading.fixed_low
    high = reading.high if reading.fixed_high is None else reading.fixed_high
    worst = high if outcome.metric.better == "lower" else -low
    scale = abs(reading.baseline_value) if outcome.tolerate.kind == "relative" else 1.0
    return worst < outcome.tolerate.value * scale
