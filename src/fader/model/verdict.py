"""What the evidence says of one guardrail in one stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Verdict(StrEnum):
    HARMFUL = "harmful"  # a rise is proven and the estimate exceeds what is tolerated
    TOLERATED = "tolerated"  # a rise is proven, inside what is tolerated
    SAFE = "safe"  # proven below tolerate / next share
    UNDECIDED = "undecided"
    UNKNOWN = "unknown"  # no data: holds, never advances


@dataclass(frozen=True, slots=True)
class Judgement:
    """Rates are shares of requests (proportion: failed; quantile: slower than x_q); of other kinds the value per unit,
    or per unit of n for a ratio. `log_e_*` are natural logs of e-values, `*_threshold` what they must reach. `rise` is
    candidate minus baseline with the confidence sequence [low, high] (1e300 where nothing bounds an end); `margin` is
    tolerate / next share, in the unit of the guardrail's margin. `more_units` estimates how many more candidate units
    *safe* needs at the current rate (None: cannot be said).
    `candidate_value`, `baseline_value`: the quantile itself in the unit of the value; 0 for other kinds. `arm`: the
    further arm that stands in the candidate's place, "" for the candidate itself.
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
    arm: str = ""

    @property
    def proven_safe(self) -> bool:
        """Whether the stage may be passed as far as this guardrail goes; a tolerated rise may be safe too."""
        return (
            self.verdict in (Verdict.SAFE, Verdict.TOLERATED)
            and self.safe_threshold > 0
            and self.log_e_safe >= self.safe_threshold
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """The effect of one arm on one outcome against the baseline: candidate minus baseline, per unit of n.

    [low, high]: confidence sequence at 1 - `alpha`, valid at every look. [fixed_low, fixed_high]: the tighter
    interval at 1 - `fixed_alpha`, valid once, at the planned end; None before it. `relative` and its ends: the effect
    over the baseline's value (Fieller); None where the baseline may be 0. `variance_kept`: share of the variance that
    is left after CUPED, 1 without a past. `verdict`: better, worse, same (both ends inside the smallest effect of
    interest), undecided, or unknown with the reason in `missing`.
    """

    metric: str
    arm: str
    verdict: Literal["better", "worse", "same", "undecided", "unknown"]
    candidate_value: float = 0.0
    baseline_value: float = 0.0
    effect: float = 0.0
    low: float = 0.0
    high: float = 0.0
    alpha: float = 0.0
    fixed_low: float | None = None
    fixed_high: float | None = None
    fixed_alpha: float = 0.0
    relative: float | None = None
    relative_low: float | None = None
    relative_high: float | None = None
    variance_kept: float = 1.0
    candidate_units: int = 0
    baseline_units: int = 0
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """A difference that nobody asked about, found by the scan under false-discovery control.

    `ratio`: how many times as many units of the candidate, with the confidence sequence [low, high]; 1e300 stands for
    infinite. `log_e` and the `threshold` that it reached, as natural logs. `harmful`: it goes against the declared
    direction of its name; without one a signal is shown and stops nothing. `new`: practically never in the baseline.
    """

    kind: Literal["event", "route", "fingerprint"]
    name: str
    candidate: int
    baseline: int
    ratio: float
    low: float
    high: float
    log_e: float
    threshold: float
    harmful: bool = False
    new: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """Made before an experiment starts, and frozen. `smallest`: absolute effect of interest on the primary outcome;
    `units`: of both arms together for that `power` at `alpha`; `baseline` and `spread`: mean and standard deviation
    per unit that it rests on. `reachable`: smallest absolute effect that the planned duration can show at today's
    traffic of `units_per_day`, 0 where it cannot be said."""

    metric: str
    smallest: float
    units: int
    power: float
    alpha: float
    baseline: float
    spread: float
    units_per_day: float = 0.0
    reachable: float = 0.0
