"""Which units were told to be exposed already: each evaluation is one, and a server needs to hear of few of them."""

from __future__ import annotations

from collections.abc import Iterable

from fader.model.evaluation import Evaluation
from fader.model.flag import Flag, Move

#: Seconds after which a unit that still asks is told again: what is lost once does not hide it for the whole stage.
AGAIN = 300.0
#: Seconds from a new share until everybody is told again, as a stage counts those whom it exposed. The server lets a
#: stage begin so long after it has published its share, when those that are connected hold it.
SETTLED = 2.0
#: Units that are remembered at most; beyond, the oldest are forgotten first and told again when they come back.
MOST = 200_000


class Exposed:
    """Two generations of answers that were told, the younger of which becomes the older when it is full: memory is
    bounded and nothing is sorted. Times are seconds of any clock that does not go back. For one thread at a time."""

    def __init__(self, most: int = MOST) -> None:
        self._half = max(1, most // 2)
        self._young: set[tuple[str, str, str]] = set()
        self._old: set[tuple[str, str, str]] = set()
        self._moves: dict[str, Move] = {}
        self._renew_at = float("inf")

    def follow(self, flags: Iterable[Flag], now: float) -> None:
        """The flags now in force: where a share was moved, everybody is told again once it has settled."""
        moves = {flag.move.rollout: flag.move for flag in flags if flag.move}
        if moves != self._moves:
            self._moves = moves
            self._renew_at = now + SETTLED if moves else float("inf")

    def new(self, answer: Evaluation, unit: str, now: float) -> bool:
        """Whether this answer of a rollout is to be told."""
        if now >= self._renew_at:
            self._young.clear()
            self._old.clear()
            self._renew_at = now + AGAIN
        key = answer.rollout, answer.variant, unit
        if key in self._young or key in self._old:
            return False
        if len(self._young) >= self._half:
            self._young, self._old = set(), self._young
        self._young.add(key)
        return True
