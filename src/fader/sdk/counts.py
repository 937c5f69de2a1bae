"""How often each variant of each flag was given, counted at next to no cost."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from uuid import uuid4

from fader.assign.condition import Attributes
from fader.assign.evaluate import Evaluator
from fader.model.evaluation import Evaluation

#: More evaluations than this in one slice of time are too many to count them all: then only one slice of each `PERIOD`
#: is counted, drawn at random, as so many times as much.
BUSY, PERIOD = 1_000, 20


class Counts:
    """Counting costs half of an evaluation, so that an app that evaluates much is counted a twentieth of the time: the
    numbers are exact where they are small, and right on average where they are large, whatever the app's rhythm.
    Evaluations of several threads at the very same moment may count as one.

    Without a lock, which a fork could take along, and for one thread, but for the evaluators.
    """

    def __init__(self, draw: Callable[[int], int] = random.randrange) -> None:
        """`draw(n)` is one of 0 to n - 1."""
        self._draw = draw
        self._counts: dict[tuple[str, str], int] = {}
        self._waiting: dict[tuple[str, str], int] = {}
        self._delivery: bytes | None = None
        self._around: tuple[Mapping[str, Evaluator], Mapping[str, Evaluator]] = ({}, {})
        self._sampling, self._slice, self._drawn, self._most = False, 0, 0, 0

    @property
    def weight(self) -> int:
        """What an evaluation of this slice counts; 0: they are not counted."""
        if not self._sampling:
            return 1
        return PERIOD if self._slice == self._drawn else 0

    def around(self, evaluators: Mapping[str, Evaluator]) -> Mapping[str, Evaluator]:
        """The same, and counted if they are in this slice."""
        if not self.weight:
            return evaluators
        around = self._around
        if around[0] is not evaluators:
            around = evaluators, {name: self._counted(name, evaluators) for name in evaluators}
            self._around = around
        return around[1]

    def turn(self) -> None:
        """A slice of time has passed, and the next begins: `around` may be another."""
        counts, self._counts = self._counts, {}
        counts, weight = dict(counts), self.weight  # a copy: a thread may hold it still
        for key, count in counts.items():
            self._waiting[key] = self._waiting.get(key, 0) + count * weight
        seen = sum(counts.values())
        self._slice, self._most = self._slice + 1, max(self._most, seen)
        if not self._sampling or self._slice == PERIOD:
            self._sampling = self._most > BUSY
            self._slice, self._drawn, self._most = 0, self._draw(PERIOD), 0

    def delivery(self) -> bytes | None:
        """What is to be told, as JSON; the same until it is `delivered`, so that it counts once. None for nothing."""
        if self._delivery is None and self._waiting:
            counts = [{"flag": f, "variant": v, "count": count} for (f, v), count in self._waiting.items()]
            self._delivery, self._waiting = json.dumps({"id": uuid4().hex, "counts": counts}).encode(), {}
        return self._delivery

    def delivered(self) -> None:
        self._delivery = None

    def _counted(self, name: str, evaluators: Mapping[str, Evaluator]) -> Evaluator:
        def counted(unit: str, attributes: Attributes) -> Evaluation:
            found = evaluators[name](unit, attributes)
            key, counts = (name, found.variant), self._counts
            counts[key] = counts.get(key, 0) + 1
            return found

        return counted
