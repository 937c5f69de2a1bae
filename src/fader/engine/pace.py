"""Keeping what costs much, and what nobody decides by, from taking more than its part of the time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

#: The part of a core that is used, in the long run.
PART = 0.02

T = TypeVar("T")


class Pace:
    """What took long is done again only when as much time has passed as makes it `PART` of that."""

    def __init__(self, part: float = PART) -> None:
        self._part = part
        self._free_at = 0.0

    def free(self, now: float) -> bool:
        return now >= self._free_at

    def ran(self, now: float, cpu: float) -> None:
        """`cpu`: seconds that were used, whether it was free or not."""
        self._free_at = max(now, self._free_at) + cpu / self._part


def timed(ask: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and the seconds of CPU that this thread used for it."""
    began = time.thread_time()
    found = ask()
    return found, time.thread_time() - began
