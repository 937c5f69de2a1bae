"""The immutable bundle that an evaluator needs. The gateway keeps the last good one on disk."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.arm import Arm
from fader.model.flag import Flag, Forced
from fader.model.rollout import Shield
from fader.model.segment import Segment
from fader.model.service import Service
from fader.model.share import Draw, Interval


@dataclass(frozen=True, slots=True)
class Split:
    """The active rollout of a service: units whose bucket under `salt` lies in `interval` get the candidate.

    `preview` is the secret that shows the candidate to an engineer, kept out of the evidence. `beside`: the further
    arms of an experiment that is running; none holds a bucket of another. `audience`: the condition of a request that
    the split is for; any other has the baseline, and is no evidence. "" is every request. The same goes for
    units outside of the `layer` and inside of one of the `holdouts`. `forced`: units that have a version whatever else.
    """

    rollout: str
    candidate: str
    salt: str
    interval: Interval
    shield: Shield
    preview: str
    beside: tuple[Arm, ...] = ()
    audience: str = ""
    layer: Draw | None = None
    holdouts: tuple[Draw, ...] = ()
    forced: tuple[Forced, ...] = ()

    @property
    def tried(self) -> tuple[str, ...]:
        """The versions that are not the baseline and get users by the rollout: the candidate, and arms beside it."""
        return (self.candidate, *(arm.version for arm in self.beside if not arm.withdrawn))


@dataclass(frozen=True, slots=True)
class LiveService:
    """A service with what the state says of it: `baseline` is the version that serves as baseline now."""

    service: Service
    baseline: str
    split: Split | None = None


@dataclass(frozen=True, slots=True)
class Ruleset:
    """`version` rises with every change of the content. A gateway gets only the flags that it
    sends, and the segments of which they are made."""

    version: int
    services: tuple[LiveService, ...] = ()
    flags: tuple[Flag, ...] = ()
    segments: tuple[Segment, ...] = ()
