"""Sufficient statistics of one metric in one arm and one stage. Mergeable by adding; rows never leave the store."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ArmSummary:
    """Sums over the units of one arm, each unit with n requests and y events: those of a proportion are capped (5 per
    unit and stage), those of a quantile are not.

    `units` K, `requests` N = sum n, `events` S = sum y (capped), `yy`, `yn`, `nn` sums of products: from units
    inside the sample only. `failures`: events uncapped, among all lines kept. `first`: units with at least one
    event, among all lines kept (errors are always kept, so this needs no sampling weight).
    Kinds that are counted per unit have n = 1 for each exposed unit, so that N is their number. `x`: a covariate of
    the unit from before its exposure (CUPED), with the sums `xx`, `xy`, `xn`; a unit without a past has x = 0.
    `over`: for a quantile, requests above the margin threshold (1+delta) x_q, not capped, with `over_yy`,
    `over_yn` alike; 0 otherwise.
    """

    units: int = 0
    requests: float = 0.0
    events: float = 0.0
    yy: float = 0.0
    yn: float = 0.0
    nn: float = 0.0
    first: int = 0
    failures: float = 0.0
    over: float = 0.0
    over_yy: float = 0.0
    over_yn: float = 0.0
    x: float = 0.0
    xx: float = 0.0
    xy: float = 0.0
    xn: float = 0.0

    def __add__(self, other: ArmSummary) -> ArmSummary:
        return ArmSummary(
            self.units + other.units,
            self.requests + other.requests,
            self.events + other.events,
            self.yy + other.yy,
            self.yn + other.yn,
            self.nn + other.nn,
            self.first + other.first,
            self.failures + other.failures,
            self.over + other.over,
            self.over_yy + other.over_yy,
            self.over_yn + other.over_yn,
            self.x + other.x,
            self.xx + other.xx,
            self.xy + other.xy,
            self.xn + other.xn,
        )


@dataclass(frozen=True, slots=True)
class Histogram:
    """Log bins of a positive value: bin i holds (GAMMA**(i-1), GAMMA**i]; 2 % relative error. Merge by adding."""

    bins: tuple[int, ...] = ()
    counts: tuple[int, ...] = ()

    @property
    def total(self) -> int:
        return sum(self.counts)


#: (1 + 0.02) / (1 - 0.02): the growth of the log bins for a relative error of 2 %.
GAMMA = 1.02 / 0.98
