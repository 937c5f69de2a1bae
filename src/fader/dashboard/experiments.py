"""GET /experiments: the A/B readings of rollouts that hold a stage for one, those that run first; then holdouts."""

from __future__ import annotations

from dataclasses import dataclass

from fader.clock import Clock
from fader.dashboard.holdouts import Holdouts
from fader.dashboard.live import Snapshot
from fader.dashboard.outcomes import ExperimentLine, OutcomeLine, experiment_line, outcome_lines
from fader.dashboard.overview import listed
from fader.dashboard.templating import Templates
from fader.model.state import ENDED
from fader.model.view import RolloutView
from fader.ports.control import Control

#: Experiments on the page; how many more there were is said.
SHOWN = 30


@dataclass(frozen=True, slots=True)
class Card:
    """`primary`: one line per arm that the deciding outcome is read for; `others`: the other outcomes."""

    view: RolloutView
    experiment: ExperimentLine
    primary: tuple[OutcomeLine, ...]
    others: tuple[OutcomeLine, ...]
    ended: bool


def card(view: RolloutView) -> Card | None:
    """None where the rollout holds no experiment."""
    experiment = experiment_line(view)
    if experiment is None:
        return None
    lines = outcome_lines(view)
    return Card(
        view=view,
        experiment=experiment,
        primary=tuple(x for x in lines if x.outcome.metric.name == experiment.primary),
        others=tuple(x for x in lines if x.outcome.metric.name != experiment.primary),
        ended=view.state.phase in ENDED,
    )


class Experiments:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control, self._templates, self._clock = control, templates, clock
        self._holdouts = Holdouts(control, templates, clock)

    async def snapshot(self) -> Snapshot:
        """Raises Unavailable."""
        now = self._clock()
        held = listed([b for b in await self._control.briefs() if b.spec.experiment is not None], now)
        shown = [brief.name for brief in held[:SHOWN]]
        views = {view.name: view for view in await self._control.rollouts(shown)}
        cards = [made for name in shown if name in views and (made := card(views[name]))]
        html = self._templates.render("experiments_list.html", cards=cards, total=len(held))
        regions = {"experiments": html, "holdouts": await self._holdouts.section()}
        return Snapshot(title="Experiments · fader", at=now, regions=regions)
