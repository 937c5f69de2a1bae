"""What an adaptive ramp knows of its next step."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ahead:
    """`share` in ppm: the largest that the budget allows, at most `ceiling`; no larger than the present one where it
    allows none. `spent`: users hurt so far, by estimate. `worst`: how many more could be at the ceiling.
    """

    share: int
    ceiling: int
    spent: float
    worst: float
