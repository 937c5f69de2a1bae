"""What comes next of a rollout, and when it may."""

from __future__ import annotations

from dataclasses import dataclass

from fader.dashboard import digits
from fader.model.state import ENDED, Phase
from fader.model.view import RolloutView
from fader.rollout.plan import next_share


@dataclass(frozen=True, slots=True)
class Next:
    """`share`: "" when there is no further stage. `earliest`: 0 where no time can be named."""

    share: str
    when: str
    earliest: float = 0.0


def next_step(view: RolloutView) -> Next:
    """The next share and when it may come, from the spec and the state alone."""
    phase, stage, stages = view.state.phase, view.state.stage, view.stages
    if phase in ENDED:
        return Next("", "nothing more")
    share = digits.share(next_share(view.spec, view.state))
    if view.spec.budget is not None and (stage >= 0 or not view.spec.budget.first):
        share = f"≤ {share}"
    match phase:
        case Phase.PENDING:
            return Next(share, "after the start")
        case Phase.LEARNING:
            return Next(share, f"when {view.spec.old} is known")
        case Phase.AWAITING:
            return Next(share, "when a person approves")
        case Phase.PAUSED:
            return Next(share, "after a resume")
        case Phase.HELD:
            return Next(share, "a person must decide")
    current = stages[stage]
    when = "then a person approves" if current.gate == "manual" else "when proven safe"
    if view.spec.experiment is not None and current.share == view.spec.experiment.share:
        when = "when the experiment is read"
    return Next(share, when, view.state.stage_since + current.bake)
