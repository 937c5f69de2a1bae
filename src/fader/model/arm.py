"""A further arm of an experiment: one more version beside the candidate, on users of its own."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.share import Interval


@dataclass(frozen=True, slots=True)
class Arm:
    """`withdrawn`: it was taken out. Its units have the baseline since, and are no evidence until the stage ends."""

    version: str
    interval: Interval
    withdrawn: bool = False
