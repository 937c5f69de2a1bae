"""How the error budget of a rollout is spread over guardrails and stages."""

from __future__ import annotations

from math import log

from fader.model.rollout import Profile, RolloutSpec

#: Chance, per rollout, that a harmless candidate is called harmful.
ALPHA: dict[Profile, float] = {"balanced": 0.05, "careful": 0.01, "swift": 0.10}
#: Chance, per guardrail and stage, that a candidate exactly at the margin is called safe. Not divided: all must pass.
ALPHA_SAFE = 0.05


def harm_threshold(spec: RolloutSpec) -> float:
    """Natural log of 1/(alpha w), w = 1/(guardrails x judged stages): weighted Bonferroni over e-processes."""
    cells = max(1, len(spec.guardrails) * len(spec.judged))
    return log(cells / ALPHA[spec.profile])


def safe_threshold() -> float:
    return log(1 / ALPHA_SAFE)
