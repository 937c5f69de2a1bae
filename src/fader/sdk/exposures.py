"""Who was given what by a rollout and has not been told yet: the evidence of a rollout begins with this."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable

from fader.assign.exposed import Exposed
from fader.model.evaluation import Evaluation
from fader.model.flag import Flag


class Exposures:
    """`Exposed` for several threads, and over a fork."""

    def __init__(self) -> None:
        self._flags: tuple[Flag, ...] = ()
        self._lock, self._exposed = threading.Lock(), Exposed()

    def follow(self, flags: Iterable[Flag]) -> None:
        """The flags now in force."""
        self._flags = tuple(flags)
        with self._lock:
            self._exposed.follow(self._flags, time.monotonic())

    def new(self, answer: Evaluation, unit: str) -> bool:
        """Whether this answer of a rollout is to be told."""
        with self._lock:
            return self._exposed.new(answer, unit, time.monotonic())

    def forked(self) -> None:
        """The lock may have been held when the process was made; what was told is told again, which is harmless."""
        self._lock, self._exposed = threading.Lock(), Exposed()
        self.follow(self._flags)
