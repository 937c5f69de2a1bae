"""What units add to the totals of a stage: whole numbers, so that adding and taking out is exact. No I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fader.model.evidence import Beside, MetricEvidence, Restart
from fader.model.summary import ArmSummary, Histogram
from fader.ports.events import Cell
from fader.telemetry.columns import Column
from fader.telemetry.measure import LARGEST, RESOLUTION, RIPENING, Measure
from fader.telemetry.restarts import SLOT, restarts

Mask = npt.NDArray[np.bool_]

#: ("sum", metric, arm, slot, field), ("first", metric, slot, arm), ("bin", metric, arm, bin), ("health", name, 0)
Totals = Counter[tuple[str | int, ...]]

#: Of a unit with y events of n, over o, and p, q: the same two before the attempt.
PRODUCTS = {
    "requests": "n",
    "events": "y",
    "yy": "yy",
    "yn": "yn",
    "nn": "nn",
    "over": "o",
    "over_yy": "oo",
    "over_yn": "on",
    "p": "p",
    "q": "q",
    "pp": "pp",
    "pq": "pq",
    "qq": "qq",
    "py": "py",
    "qy": "qy",
    "pn": "pn",
    "qn": "qn",
}
#: The sum of a unit beyond which no product of two is exact any more.
MOST = int(LARGEST) * RESOLUTION


def tally(
    measures: Iterable[Measure],
    arms: tuple[dict[str, Column], dict[str, Column]],
    past: dict[str, Column],
    since: float,
) -> Totals:
    """`arms`: the columns of some units with the baseline, and of the same with the candidate; `past` likewise."""
    totals: Totals = Counter()
    seen = tuple(np.isfinite(arm["first"]) for arm in arms)
    away = arms[0]["away"] > 0 if "away" in arms[0] else np.zeros(len(seen[0]), bool)
    for arm in (0, 1):
        alone = seen[arm] & ~seen[1 - arm] & ~away
        inside = alone & (arms[arm]["inside"] > 0)
        totals["health", "candidate_units" if arm else "baseline_units", 0] += int(inside.sum())
        for measure in measures:
            if not measure.external:
                _metric(totals, measure, arm, arms[arm], past, alone, inside, since)
    exposed = seen[0] | seen[1]
    silent = exposed & ~away & (sum(arm["req"] + arm["act"] for arm in arms) == 0)
    totals["health", "crossed", 0] += int(((seen[0] & seen[1]) | (exposed & away)).sum())
    totals["health", "silent", 0] += int(silent.sum())
    totals["health", "unexposed", 0] += int((~exposed & ~away & (arms[0]["out"] > 0)).sum())
    return totals


def _metric(
    totals: Totals,
    measure: Measure,
    arm: int,
    columns: Mapping[str, Column],
    past: Mapping[str, Column],
    alone: Mask,
    inside: Mask,
    since: float,
) -> None:
    i = measure.index
    raw = np.asarray(columns[f"y{i}"], np.int64)
    n = np.asarray(columns[f"n{i}"], np.int64) if measure.own_n else np.ones(len(raw), np.int64)
    if measure.direct:
        counted, shown, failed = n > 0, np.ones(len(raw), bool), columns[f"f{i}"]
    else:
        counted = inside & ((n != 0) | (raw != 0)) if measure.own_n else inside
        shown, failed = (alone if measure.all_kept else inside), raw
    had = shown & np.isfinite(columns[f"e{i}"])
    numbers = {"n": n, "y": _capped(raw, measure.cap)}
    if measure.quantile:
        numbers["o"] = np.asarray(columns[f"o{i}"], np.int64)
    if "here" in past:
        numbers["p"] = _capped(np.asarray(past[f"p{i}"], np.int64), measure.cap)
        own = past[f"q{i}"] if measure.own_n else past["here"] > 0
        numbers["q"] = np.asarray(own, np.int64)
    for slot, here in _slots(measure, columns["first"], counted | had | (shown & (failed != 0))):
        key = ("sum", i, arm, slot)
        some = counted & here
        chosen = {name: np.clip(values[some], -MOST, MOST) for name, values in numbers.items()}
        totals[*key, "units"] += int(some.sum())
        totals[*key, "first"] += int((had & here).sum())
        totals[*key, "failures"] += int(np.asarray(failed[shown & here], np.int64).sum())
        for field, names in PRODUCTS.items():
            if all(name in chosen for name in names):
                totals[*key, field] += product([chosen[name] for name in names])
    minutes = np.floor((columns[f"e{i}"][had] - since) / SLOT).astype(np.int64)
    for minute, count in zip(*np.unique(minutes, return_counts=True), strict=True):
        totals["first", i, int(minute), arm] += int(count)


def _slots(measure: Measure, first: Column, there: Mask) -> Iterator[tuple[int, Mask]]:
    """Units by the slot in which their attribution window began, where it has to pass first; else all in slot 0."""
    if not measure.ripens:
        if there.any():
            yield 0, there
        return
    slots = np.floor(first / RIPENING)
    for slot in np.unique(slots[there]).tolist():
        yield int(slot), slots == slot


def product(factors: list[Column]) -> int:
    """The exact sum of one column, or of the products of two, each up to `MOST`."""
    if len(factors) == 1:
        return int(factors[0].sum())
    a, b = factors
    if not len(a):
        return 0
    if int(abs(a).max()) * int(abs(b).max()) * len(a) < 2**62:
        return int((a * b).sum())
    total = 0
    for begin in range(0, len(a), 32_768):  # halves of 24 bits: no sum of so many products leaves 63 bits
        x, y = a[begin : begin + 32_768], b[begin : begin + 32_768]
        xh, xl, yh, yl = x >> 24, x & 0xFFFFFF, y >> 24, y & 0xFFFFFF
        total += (int((xh * yh).sum()) << 48) + (int((xh * yl + xl * yh).sum()) << 24) + int((xl * yl).sum())
    return total


def _capped(values: npt.NDArray[np.int64], cap: int) -> npt.NDArray[np.int64]:
    return np.minimum(values, cap) if cap else values


@dataclass(frozen=True, slots=True)
class Arms:
    """The totals of a cell, sorted by metric and arm."""

    sums: dict[tuple[int, int], Counter[str]]
    firsts: dict[int, dict[int, tuple[int, int]]]
    bins: dict[tuple[int, int], list[tuple[int, int]]]

    def of(self, metric: int, arm: int) -> Counter[str]:
        return self.sums.get((metric, arm), Counter())

    def histogram(self, metric: int, arm: int) -> Histogram:
        return histogram(self.bins.get((metric, arm), ()))

    def restarts(self, measure: Measure) -> tuple[Restart, ...]:
        return () if measure.ripens else restarts(self.firsts.get(measure.index, {}))


def evidence(
    measures: Iterable[Measure], totals: Totals, ripe: float, paired: Mapping[str, Totals] | None = None
) -> tuple[MetricEvidence, ...]:
    """The totals as summaries; of retention, units whose window has passed at `ripe` (seconds since 1970).

    `paired`: by version, the totals of the cells in which a further arm stands in the candidate's place.
    """
    asked = tuple(measures)
    main = _arms(asked, totals, ripe)
    others = {arm: _arms(asked, of, ripe) for arm, of in (paired or {}).items()}
    return tuple(_evidence(m, main, others) for m in asked)


def unknown(cell: Cell) -> tuple[MetricEvidence, ...]:
    """Of a cell that was opened when rows of its time were gone: what is left of them would pass for all."""
    return tuple(MetricEvidence(m.metric.name, missing="its sums were lost, and events are gone") for m in cell.metrics)


def _arms(measures: Iterable[Measure], totals: Totals, ripe: float) -> Arms:
    found = Arms({}, {}, {})
    limits = {m.index: ripe - m.metric.window for m in measures if m.ripens}
    for key, n in totals.items():
        match key:
            case "sum", int(i), int(arm), int(slot), str(field):
                if i not in limits or (slot + 1) * RIPENING <= limits[i]:
                    found.sums.setdefault((i, arm), Counter())[field] += n
            case "first", int(i), int(minute), int(arm):
                candidate, baseline = found.firsts.setdefault(i, {}).get(minute, (0, 0))
                found.firsts[i][minute] = (candidate + n, baseline) if arm else (candidate, baseline + n)
            case "bin", int(i), int(arm), int(number):
                if n > 0:
                    found.bins.setdefault((i, arm), []).append((number, n))
    return found


def _evidence(measure: Measure, main: Arms, others: Mapping[str, Arms]) -> MetricEvidence:
    """Covariates are centred on all arms together, so that those of any two can be compared."""
    name, i = measure.metric.name, measure.index
    if measure.external:
        return MetricEvidence(name, missing="it is counted elsewhere")
    arms = [main.of(i, 0), main.of(i, 1), *(other.of(i, 1) for other in others.values())]
    rate = sum(arm["p"] for arm in arms), sum(arm["q"] for arm in arms)
    return MetricEvidence(
        name,
        summary(measure, main.of(i, 1), rate),
        summary(measure, main.of(i, 0), rate),
        main.histogram(i, 1),
        main.histogram(i, 0),
        restarts=main.restarts(measure),
        others=tuple((arm, summary(measure, other.of(i, 1), rate)) for arm, other in others.items()),
        beside=tuple(Beside(arm, other.histogram(i, 1), other.restarts(measure)) for arm, other in others.items()),
    )


def summary(measure: Measure, sums: Counter[str], rate: tuple[int, int]) -> ArmSummary:
    """`rate`: p and q of both arms. The covariate of a unit is x = p - (P/Q) q: nothing but sums of products."""
    ys, ns = measure.y_scale, measure.n_scale
    p, q = rate
    x = xx = xy = xn = 0.0
    if q:
        x = (q * sums["p"] - p * sums["q"]) / (q * ys)
        xx = (q * q * sums["pp"] - 2 * p * q * sums["pq"] + p * p * sums["qq"]) / (q * q * ys * ys)
        xy = (q * sums["py"] - p * sums["qy"]) / (q * ys * ys)
        xn = (q * sums["pn"] - p * sums["qn"]) / (q * ys * ns)
    return ArmSummary(
        sums["units"],
        sums["requests"] / ns,
        sums["events"] / ys,
        sums["yy"] / (ys * ys),
        sums["yn"] / (ys * ns),
        sums["nn"] / (ns * ns),
        sums["first"],
        sums["failures"] / ys,
        float(sums["over"]),
        float(sums["over_yy"]),
        float(sums["over_yn"]),
        x,
        xx,
        xy,
        xn,
    )


def histogram(bins: Iterable[tuple[int, int]]) -> Histogram:
    pairs = sorted(bins)
    return Histogram(tuple(b for b, _ in pairs), tuple(n for _, n in pairs))
