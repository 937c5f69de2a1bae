"""What is judged, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.evidence import MetricEvidence
from fader.model.rollout import Guardrail
from fader.model.share import WHOLE
from fader.model.state import Basis


@dataclass(frozen=True, slots=True)
class Stakes:
    """What a judgement is held against: shares in ppm, thresholds as natural logs. `baseline`: the baseline's share
    where further arms hold some of the rest; 0: it holds all that the candidate does not."""

    share: int
    next_share: int
    harm_threshold: float
    safe_threshold: float
    baseline: int = 0

    @property
    def pi(self) -> float:
        """The chance that a unit of the two arms is the candidate's."""
        return self.share / (self.share + self.baseline if self.baseline else WHOLE)

    def margin(self, guardrail: Guardrail) -> float:
        """`tolerate` is what would be accepted at 100 %; at the next share, only so many are exposed to it."""
        return guardrail.tolerate.value * WHOLE / self.next_share


@dataclass(frozen=True, slots=True)
class Case:
    """One guardrail in one stage. `basis`: what was learnt of the metric before the first stage."""

    guardrail: Guardrail
    basis: Basis | None
    evidence: MetricEvidence
    stakes: Stakes
