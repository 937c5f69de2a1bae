"""How the error budget of a rollout is spread over guardrails and stages."""

from __future__ import annotations

from math import log

from fader.model.rollout import Profile, RolloutSpec

#: Chance, per rollout, that a harmless candidate is called harmful.
ALPHA: dict[Profile, float] = {"balanced": 0.05, "careful": 0.01, "swift": 0.10}
#: Chance, per guardrail and stage, that a candidate exactly at the margin is called safe. Not divided: all must pass.
ALPHA_SAFE = 0.05


def harm_threshold(spec: RolloutSpec, stage: int) -> float:
    """Natural log of 1/(alpha w), the weight w of one test in judged stage `stage` (from 0; the holdback is the
    last): weighted Bonferroni over e-processes.

    The tests of a stage share its weight alike: guardrails, outcomes, and one for new error fingerprints together.
    Stages that are named beforehand share 1 alike, the holdback among them. Those of an adaptive ramp, whose number
    nobody knows beforehand, have 1/(k (k+1)) for k = 1, 2, ..., which sum to 1.
    """
    tests = len(spec.guardrails) + len(spec.outcomes) + 1
    stages = (stage + 1) * (stage + 2) if spec.budget is not None else max(1, len(spec.judged))
    return log(tests * stages / ALPHA[spec.profile])


def beside_threshold(spec: RolloutSpec) -> float:
    """Natural log of 1/(alpha w) for the further arms of an experiment, which have an error budget of their own:
    alpha, the profile's, is the chance that any harmless one of them is taken out. Bonferroni over arms, and over
    guardrails and outcomes; their only stage is the experiment's.
    """
    arms = len(spec.experiment.beside) if spec.experiment else 0
    return log(max(1, arms) * len(spec.watched) / ALPHA[spec.profile])


def safe_threshold() -> float:
    return log(1 / ALPHA_SAFE)
