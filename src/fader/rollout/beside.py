"""The further arms of an experiment: judged on their own, taken out for harm, and compared with the candidate.

Whatever is found of them, the candidate's rollout neither advances nor goes back by it.
"""

from __future__ import annotations

from dataclasses import replace

from fader.model.arm import Arm
from fader.model.evidence import Evidence
from fader.model.rollout import RolloutSpec
from fader.model.state import RolloutState, Withdrawal
from fader.model.verdict import Judgement, Reading, Verdict
from fader.rollout import explain
from fader.rollout.learning import ALPHA_FIXED, primary
from fader.rollout.look import Look
from fader.rollout.moves import stepped
from fader.rollout.plan import basis, further, stakes
from fader.stats.judge import Case, judge_all
from fader.stats.reading import read
from fader.stats.weights import beside_threshold

#: Chance that the comparison of any further arm with the candidate misses the difference at the looks before the end.
ALPHA_LOOKS = 0.01


def judged(spec: RolloutSpec, state: RolloutState, evidence: Evidence) -> tuple[Judgement, ...]:
    """Of each arm that is still in, one per guardrail and outcome, against the baseline."""
    arms = _still_in(spec, state)
    if not arms:
        return ()
    held_against = replace(stakes(spec, state), harm_threshold=beside_threshold(spec))
    asked = [(arm.version, g) for arm in arms for g in spec.watched]
    found = judge_all(
        Case(g, basis(state, g.metric.name), evidence.metric(g.metric.name).of(version), held_against)
        for version, g in asked
    )
    return tuple(replace(j, arm=version) for j, (version, _) in zip(found, asked, strict=True))


def taken_out(look: Look) -> RolloutState | None:
    """The state without the arms that are proven to do harm; None where there is none, or nothing is known."""
    harmful = [j for j in look.beside if j.verdict is Verdict.HARMFUL]
    if not harmful or look.missing:
        return None
    spec, state = look.spec, look.state
    worst = {j.arm: j for j in sorted(harmful, key=lambda j: j.log_e_harm)}
    gone = tuple(Withdrawal(arm, look.now, explain.withdrawn(spec, j)) for arm, j in sorted(worst.items()))
    after = stepped(state, "withdraw", "; ".join(w.why for w in gone))
    return replace(after, resume_to=state.resume_to, withdrawn=(*state.withdrawn, *gone))


def rival(spec: RolloutSpec, state: RolloutState, evidence: Evidence) -> Reading | None:
    """The reading of the arm that is better than the candidate on the primary outcome at the planned end, against the
    candidate: of several, the one with the largest effect. Both alphas are divided by the number of arms."""
    outcome = primary(spec)
    if spec.experiment is None or outcome is None or not spec.experiment.beside:
        return None
    arms = len(spec.experiment.beside)
    found = [
        reading
        for arm in _still_in(spec, state)
        for reading in read(
            outcome,
            evidence.metric(outcome.metric.name).against_candidate(arm.version),
            candidate=arm.version,
            alpha=ALPHA_LOOKS / arms,
            fixed_alpha=ALPHA_FIXED / arms,
            fixed=True,
        )
        if reading.verdict == "better"
    ]
    return max(found, key=lambda r: abs(r.effect), default=None)


def _still_in(spec: RolloutSpec, state: RolloutState) -> tuple[Arm, ...]:
    return tuple(arm for arm in further(spec, state) if not arm.withdrawn)
