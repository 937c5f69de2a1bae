"""Which tests a kind of metric is judged by. The one table; docs/reference/statistics.md explains it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.metric import Metric

#: Prior spreads of an effect, as multiples of the baseline's value: of a rare event, which may double at once ...
WIDE = (0.1, 0.5, 2.0)
#: ... and of a mean or of something common, which hardly ever does.
NARROW = (0.02, 0.1, 0.5)


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """`exact`: the test on units with an event: always, only where events are rare and more is harm, or never.
    `normal`: the mixture on the difference: always, where the exact test is not used, or never. It counts once
    `events_gate` candidate units have an event and `units_gate` candidate units have come. `spreads`: see WIDE.
    `law`: what the variance of the sums is at least (binomial, poisson), or nothing is known of it. `restarts`: the
    exact test is begun anew for late onset. `own_cap`: `events` are capped per unit by fader, not by the metric,
    and `failures` are the true number. `values`: shares lie between 0 and 1,
    signed ones may be negative (refunds).
    """

    exact: Literal["always", "rare", "never"]
    normal: Literal["always", "common"]
    spreads: tuple[float, float, float]
    law: Literal["binomial", "poisson", "none"]
    values: Literal["share", "amount", "signed"]
    events_gate: int = 0
    units_gate: int = 0
    restarts: bool = True
    own_cap: bool = False


REQUESTS = Method("always", "always", WIDE, "binomial", "share", events_gate=10, own_cap=True)
UNITS = Method("rare", "common", NARROW, "binomial", "share", events_gate=20)
COUNT = Method("always", "always", WIDE, "poisson", "amount", events_gate=10)
MEAN = Method("never", "always", NARROW, "none", "signed", units_gate=1000)
RATIO = Method("never", "always", NARROW, "none", "signed", events_gate=20)
RATIO_OF_COUNTS = Method("never", "always", NARROW, "poisson", "signed", events_gate=20)
QUANTILE = Method("never", "always", WIDE, "none", "share", events_gate=20)


def method(metric: Metric) -> Method:
    """Raises ValueError for an external metric."""
    match metric.kind:
        case "proportion":
            return REQUESTS if metric.of == "requests" else UNITS
        case "retention":
            return UNITS
        case "count":
            return COUNT
        case "mean":
            return MEAN
        case "ratio":
            return RATIO if metric.value else RATIO_OF_COUNTS
        case "quantile":
            return QUANTILE
        case "external":
            raise ValueError("an external metric has no units: it is judged by its series")
