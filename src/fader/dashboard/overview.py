"""GET /: every rollout with its fader, what needs a person on top, and the gateways."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar
from urllib.parse import urlencode

from fader.clock import Clock
from fader.dashboard.live import Snapshot
from fader.dashboard.taper import Picture, picture
from fader.dashboard.templating import Templates
from fader.dashboard.upcoming import Next, next_step
from fader.model.report import GatewayReport
from fader.model.state import ACTIVE, Phase
from fader.model.verdict import Judgement, Verdict
from fader.model.view import Brief, RolloutView
from fader.ports.control import Control

#: A pulled rollout asks for attention this long, then it stands with the ended ones; seconds.
FRESH = 24 * 3600.0
#: So many of each group stand on the first page, and so many of one on a page of its own.
PAGE = 50
#: A gateway reports once a second; after this long without a report it counts as silent.
SILENT = 10.0


R = TypeVar("R", RolloutView, Brief)


def harmful(view: RolloutView) -> bool:
    """Whether harm is proven: the count of hurt users is alarming then, and the baseline's bad luck before."""
    return any(j.verdict is Verdict.HARMFUL for j in view.judgements)


class Group(StrEnum):
    PERSON = "Needs a person"
    MOVING = "Under way"
    WAITING = "Not started"
    ENDED = "Ended"

    @property
    def slug(self) -> str:
        """Its name in an address."""
        return self.name.lower()


SHOWN = {Group.PERSON: 50, Group.MOVING: 30, Group.WAITING: 10, Group.ENDED: 10}


#: The verdicts that a row has no room for are the last of these.
WORST_FIRST = (Verdict.HARMFUL, Verdict.UNKNOWN, Verdict.UNDECIDED, Verdict.TOLERATED, Verdict.SAFE)


@dataclass(frozen=True, slots=True)
class Line:
    """`judgements`: the worst first, as not all of many are shown. `next`: None where nothing is under way."""

    view: RolloutView
    picture: Picture
    harmful: bool
    judgements: tuple[Judgement, ...]
    next: Next | None


def line(view: RolloutView) -> Line:
    ordered = sorted(view.judgements, key=lambda j: WORST_FIRST.index(j.verdict))
    upcoming = next_step(view) if view.state.phase in ACTIVE else None
    return Line(view, picture(view), harmful(view), tuple(ordered), upcoming)


def group_of(view: RolloutView | Brief, now: float) -> Group:
    phase = view.state.phase
    if view.needs_person or phase in (Phase.HELD, Phase.AWAITING):
        return Group.PERSON
    if phase is Phase.ROLLED_BACK and now - view.state.ended_at < FRESH:
        return Group.PERSON
    if phase in ACTIVE:
        return Group.MOVING
    return Group.WAITING if phase is Phase.PENDING else Group.ENDED


def urgency(view: RolloutView | Brief) -> tuple[int, float, str]:
    """What stands first: stopped by fader, then pulled, then waiting for a word; of alike ones the latest change."""
    rank = {Phase.HELD: 0, Phase.ROLLED_BACK: 1, Phase.AWAITING: 2, Phase.PAUSED: 3}.get(view.state.phase, 4)
    return rank, -max(view.state.ended_at, view.state.stage_since, view.state.started_at), view.name


def latest(view: RolloutView | Brief) -> tuple[float, str]:
    return -max(view.state.ended_at, view.state.stage_since, view.state.started_at), view.name


def listed(views: Sequence[R], now: float) -> list[R]:
    """All in one list, in the order of the groups."""
    return [view for many in grouped(views, now).values() for view in many]


def grouped(views: Sequence[R], now: float) -> dict[Group, list[R]]:
    """Groups in the order of urgency, only those that hold something; within one, the latest change first."""
    groups: dict[Group, list[R]] = {g: [] for g in Group}
    for view in sorted(views, key=latest):
        groups[group_of(view, now)].append(view)
    groups[Group.PERSON].sort(key=urgency)
    return {g: many for g, many in groups.items() if many}


@dataclass(frozen=True, slots=True)
class Part(Generic[R]):
    """What is shown of one group. `more`: the address of all of it, "" when this is all of it."""

    group: Group
    total: int
    shown: tuple[R, ...]
    more: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for: rollouts whose name, service or flag holds `text`, one `group` only, and its page."""

    text: str = ""
    group: Group | None = None
    page: int = 1

    def address(self, group: Group | None, page: int = 1) -> str:
        query = {"q": self.text, "group": group.slug if group else "", "page": str(page) if page > 1 else ""}
        kept = urlencode({k: v for k, v in query.items() if v})
        return f"/?{kept}" if kept else "/"


def asked(query: Mapping[str, str]) -> Asked:
    """A group or a page that does not exist is read as none: old links still lead to the overview."""
    return Asked(
        text=query.get("q", "").strip(),
        group=next((g for g in Group if g.slug == query.get("group", "")), None),
        page=page_of(query),
    )


def page_of(query: Mapping[str, str]) -> int:
    """Counted from 1."""
    page = query.get("page", "")
    return max(1, int(page)) if page.isascii() and page.isdigit() and len(page) < 7 else 1


def parts(groups: Mapping[Group, Sequence[R]], wanted: Asked) -> tuple[Part[R], ...]:
    if wanted.group:
        many = groups.get(wanted.group, ())
        shown = tuple(many[(wanted.page - 1) * PAGE : wanted.page * PAGE])
        return (Part(wanted.group, len(many), shown, ""),) if many else ()
    return tuple(
        Part(g, len(many), tuple(many[: SHOWN[g]]), wanted.address(g) if len(many) > SHOWN[g] else "")
        for g, many in groups.items()
    )


class Overview:
    def __init__(self, control: Control, templates: Templates, clock: Clock) -> None:
        self._control = control
        self._templates = templates
        self._clock = clock

    async def snapshot(self, query: Mapping[str, str]) -> Snapshot:
        """Raises Unavailable."""
        now, wanted = self._clock(), asked(query)
        briefs = await self._control.briefs()
        text = wanted.text.lower()
        found = [b for b in briefs if text in b.name.lower() or text in str(b.spec.subject).lower()] if text else briefs
        groups = grouped(found, now)
        urgent = sum(group_of(b, now) is Group.PERSON for b in briefs)
        shown = parts(groups, wanted)
        views = await self._control.rollouts([brief.name for part in shown for brief in part.shown])
        gateways = await self._control.gateways()
        return Snapshot(
            title=f"({urgent}) fader" if urgent else "fader",
            at=now,
            regions={
                "rollouts": self._templates.render(
                    "overview_rollouts.html",
                    parts=shown,
                    lines={view.name: line(view) for view in views},
                    total=len(briefs),
                    asked=wanted,
                    pages=math.ceil(len(groups.get(wanted.group, ())) / PAGE) if wanted.group else 0,
                    urgent=Group.PERSON,
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
