"""What a provider has answered in a stage, as neighbouring intervals: bounded, whatever the age of the stage."""

from __future__ import annotations

from dataclasses import dataclass

#: Blocks that are kept. A further one makes pairs of all of them, so that each lasts twice as long.
MOST = 256


@dataclass(frozen=True, slots=True)
class Block:
    """`length` intervals added up: of counters the events and the total in them, of a series the sum of its values
    and how many there were."""

    candidate: float = 0.0
    candidate_total: float = 0.0
    baseline: float = 0.0
    baseline_total: float = 0.0
    length: int = 0

    def __add__(self, other: Block) -> Block:
        return Block(
            self.candidate + other.candidate,
            self.candidate_total + other.candidate_total,
            self.baseline + other.baseline,
            self.baseline_total + other.baseline_total,
            self.length + other.length,
        )

    @property
    def whole(self) -> bool:
        """Whether there is something of both arms to compare."""
        return self.candidate_total > 0 and self.baseline_total > 0


@dataclass(frozen=True, slots=True)
class Series:
    """Of one metric in one stage. `blocks` are whole, all of `per_block` intervals; `open` is still being filled.

    `levels`: the highest that each counter stood at (candidate's events and total, then the baseline's), () before
    the first answer and after a reset; `first`: where they stood when counting began. `asked_at`: the last question,
    `answered_at`: the last answer that could be used, 0 for never. `missing`: why the last one could not be.
    """

    rollout: str
    attempt: int
    stage: int
    metric: str
    blocks: tuple[Block, ...] = ()
    open: Block = Block()
    per_block: int = 1
    levels: tuple[float, ...] = ()
    first: tuple[float, ...] = ()
    asked_at: float = 0.0
    answered_at: float = 0.0
    missing: str = ""

    @property
    def key(self) -> tuple[str, int, int, str]:
        return self.rollout, self.attempt, self.stage, self.metric
