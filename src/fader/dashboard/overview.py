"""GET /: every rollout with its fader, what needs a person on top, and the gateways."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from fader.clock import Clock
from fader.dashboard.live import Snapshot
from fader.dashboard.taper import Picture, picture
from fader.dashboard.templating import Templates
from fader.model.report import GatewayReport
from fader.model.state import ACTIVE, Phase
from fader.model.verdict import Verdict
from fader.model.view import RolloutView
from fader.ports.control import Control

#: A pulled rollout asks for attention this long, then it stands with the ended ones; seconds.
FRESH = 24 * 3600.0
#: So many ended rollouts are listed before "all of them" is asked for.
ENDED_SHOWN = 20
#: A gateway reports once a second; after this long without a report it counts as silent.
SILENT = 10.0


def harmful(view: RolloutView) -> bool:
    """Whether harm is proven: the count of hurt users is alarming then, and the baseline's bad luck before."""
    return any(j.verdict is Verdict.HARMFUL for j in view.judgements)


class Group(StrEnum):
    PERSON = "Needs a person"
    MOVING = "Under way"
    WAITING = "Not started"
    ENDED = "Ended"


@dataclass(frozen=True, slots=True)
class Line:
    view: RolloutView
    picture: Picture
    harmful: bool


def group_of(view: RolloutView, now: float) -> Group:
    phase = view.state.phase
    if view.needs_person or phase in (Phase.HELD, Phase.AWAITING):
        return Group.PERSON
    if phase is Phase.ROLLED_BACK and now - view.state.ended_at < FRESH:
        return Group.PERSON
    if phase in ACTIVE:
        return Group.MOVING
    return Group.WAITING if phase is Phase.PENDING else Group.ENDED


def grouped(views: Sequence[RolloutView], now: float) -> dict[Group, list[Line]]:
    """Groups in the order of urgency, only those that hold something; within one, the latest change first."""
    groups: dict[Group, list[Line]] = {g: [] for g in Group}
    for view in sorted(views, key=lambda v: (-max(v.state.ended_at, v.state.stage_since, v.state.started_at), v.name)):
        groups[group_of(view, now)].append(Line(view, picture(view), harmful(view)))
    return {g: lines for g, lines in groups.items() if lines}


class Overview:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control = control
        self._templates = templates
        self._clock = clock

    async def snapshot(self) -> Snapshot:
        """Raises Unavailable."""
        now = self._clock()
        views = await self._control.rollouts()
        groups = grouped(views, now)
        urgent = len(groups.get(Group.PERSON, ()))
        gateways = await self._control.gateways()
        return Snapshot(
            title=f"({urgent}) fader" if urgent else "fader",
            at=now,
            regions={
                "rollouts": self._templates.render(
                    "overview_rollouts.html", groups=groups, total=len(views), shown=ENDED_SHOWN, ended=Group.ENDED
                ),
                "gateways": self._templates.render("overview_gateways.html", gateways=lines(gateways, now)),
            },
        )


@dataclass(frozen=True, slots=True)
class GatewayLine:
    report: GatewayReport
    silent: bool
    down: tuple[str, ...]


def lines(reports: Sequence[GatewayReport], now: float) -> list[GatewayLine]:
    """The gateways, those with trouble first."""
    made = [
        GatewayLine(
            report=r,
            silent=now - r.at > SILENT,
            down=tuple(
                f"{e.service} {e.version} at {e.address}: {e.reason or 'down'}" for e in r.endpoints if not e.healthy
            ),
        )
        for r in reports
    ]
    return sorted(made, key=lambda g: (not (g.silent or g.report.error), not g.down, g.report.gateway))
