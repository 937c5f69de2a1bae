"""Summaries as columns: many metrics, arms and stages are judged by one pass over arrays.

Every formula of this layer is written once, for scalars and arrays alike (numpy broadcasting): an `ArmSummary` may
stand wherever `Arms` may. Callers that keep a result in a noun of the model turn it into a float.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from itertools import chain
from operator import attrgetter
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fader.model.summary import ArmSummary

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Rows = NDArray[np.intp]
Number = float | Floats


@dataclass(frozen=True, slots=True)
class Arms:
    """One array for each field of `ArmSummary`, all of the same shape."""

    units: Floats
    requests: Floats
    events: Floats
    yy: Floats
    yn: Floats
    nn: Floats
    first: Floats
    failures: Floats
    over: Floats
    over_yy: Floats
    over_yn: Floats
    x: Floats
    xx: Floats
    xy: Floats
    xn: Floats

    @classmethod
    def of(cls, summaries: Iterable[ArmSummary]) -> Arms:
        return cls(*columns(map(_values, summaries), len(NAMES)))

    def __add__(self, other: Arms) -> Arms:
        return Arms(*(a + b for a, b in zip(_values(self), _values(other), strict=True)))

    def take(self, which: Flags | int) -> Arms:
        return Arms(*(column[which] for column in _values(self)))

    def rows(self) -> Floats:
        """All columns, one below the other."""
        return np.array(_values(self))

    def but(self, **columns: Any) -> Arms:
        return replace(self, **columns)


NAMES = tuple(f.name for f in fields(Arms))
_values = attrgetter(*NAMES)


def columns(rows: Iterable[Iterable[float]], width: int) -> Floats:
    """Rows of numbers as columns. (From one flat run of them: numpy is slow at nested sequences.)"""
    flat = np.fromiter(chain.from_iterable(rows), np.float64)
    return np.ascontiguousarray(flat.reshape(-1, width).T)


#: One arm of one comparison, or the same arm of many.
Arm = ArmSummary | Arms


def floats(numbers: ArrayLike) -> Floats:
    return np.asarray(numbers, np.float64)


def per(amount: ArrayLike, of: ArrayLike) -> Floats:
    """amount / of, and 0 where `of` is not above 0."""
    below = floats(of)
    some = below > 0
    return np.where(some, floats(amount) / np.where(some, below, 1.0), 0.0)
