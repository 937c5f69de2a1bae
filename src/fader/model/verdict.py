"""What the evidence says of one guardrail in one stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    HARMFUL = "harmful"  # a rise is proven and the estimate exceeds what is tolerated
    TOLERATED = "tolerated"  # a rise is proven, inside what is tolerated
    SAFE = "safe"  # proven below tolerate / next share
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"  # no data: holds, never advances


@dataclass(frozen=True, slots=True)
class Judgement:
    """Rates are shares of requests (proportion: failed; quantile: slower than x_q). `log_e_*` are natural logs of
    e-values, `*_threshold` what they must reach. `rise` is candidate minus baseline with the confidence
    sequence [low, high]; `margin` is tolerate / next share, in the unit of the guardrail's margin.
    `more_units` estimates how many more candidate units *safe* needs at the current rate (None: cannot be said).
    `candidate_value`, `baseline_value`: the quantile itself in the unit of the value; 0 for a proportion.
    """

    metric: str
    verdict: Verdict
    candidate_rate: float = 0.0
    baseline_rate: float = 0.0
    rise: float = 0.0
    low: float = 0.0
    high: float = 0.0
    log_e_harm: float = 0.0
    harm_threshold: float = 0.0
    log_e_safe: float = 0.0
    safe_threshold: float = 0.0
    margin: float = 0.0
    candidate_units: int = 0
    baseline_units: int = 0
    candidate_first: int = 0
    baseline_first: int = 0
    more_units: int | None = None
    missing: str = ""
    candidate_value: float = 0.0
    baseline_value: float = 0.0

    @property
    def proven_safe(self) -> bool:
        """Whether the stage may be passed as far as this guardrail goes; a tolerated rise may be safe too."""
        return (
            self.verdict in (Verdict.SAFE, Verdict.TOLERATED)
            and self.safe_threshold > 0
            and self.log_e_safe >= self.safe_threshold
        )
