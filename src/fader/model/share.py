"""Shares of the unit base, in whole parts per million (ppm): 5 % is 50,000, the finest step 0.0001 % is 1."""

from __future__ import annotations

from dataclasses import dataclass

#: Number of buckets; a share of `WHOLE` is everybody.
WHOLE = 1_000_000


@dataclass(frozen=True, slots=True)
class Interval:
    """The buckets [start, start + width) modulo `WHOLE`; it may wrap. Width 0 is nobody, `WHOLE` everybody."""

    start: int
    width: int

    def __contains__(self, bucket: int) -> bool:
        return (bucket - self.start) % WHOLE < self.width

    def pieces(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """The same set as two plain half-open intervals [lo, hi) without wrap; an unused one is (0, 0)."""
        end = self.start + self.width
        if end <= WHOLE:
            return (self.start, end) if self.width else (0, 0), (0, 0)
        return (self.start, WHOLE), (0, end - WHOLE)


@dataclass(frozen=True, slots=True)
class Draw:
    """The units whose bucket under `salt` lies in `interval`."""

    salt: str
    interval: Interval


def percent(ppm: int) -> str:
    """A share as people write it: `5%`, `0.0001%`."""
    return f"{ppm / 10_000:.4f}".rstrip("0").rstrip(".") + "%"
