"""Where things stand on the picture of the fader. Pure.

Stages bunch at the small shares, so the slot is not linear: like the taper of a mixing desk, the first per cents
get the most way. Position is the square root of the share: 5 % stands at 22 %, 25 % in the middle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from fader.dashboard.digits import share
from fader.model.share import WHOLE
from fader.model.view import RolloutView

#: Labels nearer than this (per cent of the slot) would touch on a narrow screen.
ROOM = 8.5


@dataclass(frozen=True, slots=True)
class Mark:
    """A stage on the slot. `at` in per cent of its length; `label` is empty where there is no room for it."""

    at: float
    share: str
    label: str
    status: str


@dataclass(frozen=True, slots=True)
class Picture:
    """`at`: where the cap stands. `pulled`: where it stood when the plug was pulled, or None. `arms`: further versions
    of an experiment that is running, with their shares."""

    at: float
    candidate: str
    baseline: str
    marks: tuple[Mark, ...]
    pulled: float | None
    label: str
    arms: tuple[tuple[str, str], ...] = ()


def position(ppm: int) -> float:
    """A share in ppm → per cent of the slot's length."""
    return round(100 * math.sqrt(max(0, min(ppm, WHOLE)) / WHOLE), 3)


def picture(view: RolloutView) -> Picture:
    stopped = [s.share for s in view.stages if s.status == "stopped"]
    held = share(view.state.share)
    arms = tuple((arm.version, share(arm.share)) for arm in view.arms if arm.status == "running")
    reserved = view.spec.experiment.share * len(arms) if view.spec.experiment else 0
    beside = "".join(f"{part} have {view.spec.called(version)}, " for version, part in arms)
    return Picture(
        at=position(view.state.share),
        candidate=held,
        baseline=share(WHOLE - view.state.share - reserved),
        marks=marks(view),
        pulled=position(stopped[-1]) if stopped else None,
        label=f"{held} of users have {view.spec.new}, {beside}the others have {view.spec.old}.",
        arms=arms,
    )


def marks(view: RolloutView) -> tuple[Mark, ...]:
    """Labels are given from the top down, the stage where things stand first, each only where there is room."""
    order = sorted(view.stages, key=lambda s: (s.status not in ("current", "stopped"), -s.share))
    labelled: list[float] = []
    for stage in order:
        at = position(stage.share)
        if all(abs(at - other) >= ROOM for other in labelled):
            labelled.append(at)
    return tuple(
        Mark(position(s.share), share(s.share), share(s.share) if position(s.share) in labelled else "", s.status)
        for s in view.stages
    )
