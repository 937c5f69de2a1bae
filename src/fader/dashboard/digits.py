"""Numbers as the sentences say them (`fader.rollout.words`), set so that none breaks over two lines. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

from fader.model.metric import Margin, Metric
from fader.model.view import Harm
from fader.rollout import words
from fader.stats.judge import UNBOUNDED

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
#: Between a number and its per cent sign.
THIN = "\N{NARROW NO-BREAK SPACE}"


def tight(text: str) -> str:
    return text.replace(" %", f"{THIN}%").replace(" ", "\N{NO-BREAK SPACE}")


def count(n: int) -> str:
    """`12345` → `12,345`."""
    return words.number(n)


@lru_cache(maxsize=10_000)
def share(ppm: int) -> str:
    """A share of units: `5 %`."""
    return tight(words.share(ppm))


def rate(x: float | None) -> str:
    """A share of requests: `0.0312` → `3.1 %`."""
    return NONE if x is None or not math.isfinite(x) else tight(words.rate(x))


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign: `+2.8 pp`."""
    if not math.isfinite(difference):
        return NONE
    size = abs(difference) * 100
    text = f"{size:.{1 if size >= 1 else 2}f}"
    if 0 < size < 0.01:
        text = f"{size:.4f}".rstrip("0").rstrip(".")
    sign = "" if float(text) == 0 else "+" if difference > 0 else MINUS
    return tight(f"{sign}{text} pp")


def interval(low: float, high: float) -> str:
    """A confidence interval of a difference of shares: `+0.90 to +4.2 pp`; "" where it is open."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{points(low).removesuffix(tight(' pp'))} to {points(high)}"


def margin(tolerate: Margin, metric: Metric) -> str:
    """What a guardrail tolerates: `0.2 pp` or `10 %`."""
    return tight(words.margin(tolerate, tolerate.value, metric))


def measure(x: float | None, metric: Metric) -> str:
    """A value of a metric: `0.31 %`, `182 ms` or `4.21 EUR`."""
    if x is None or not math.isfinite(x):
        return NONE
    return rate(x) if is_share(metric) else tight(words.value(x, metric))


def fine(x: float, metric: Metric) -> str:
    """As `measure`, with three digits of a share: `30.2 %` beside `30.9 %`."""
    return tight(f"{100 * x:.3g} %") if is_share(metric) and math.isfinite(x) else measure(x, metric)


def level(x: float, metric: Metric) -> str:
    """A rate of a judgement: as `measure`, but of a quantile it is the share of slow requests."""
    return rate(x) if words.is_share(metric) else measure(x, metric)


def is_share(metric: Metric) -> bool:
    """Whether values of the metric are shares; the *effect* on a quantile is one too, of slow requests."""
    return metric.kind != "quantile" and words.is_share(metric)


def effect(x: float, metric: Metric) -> str:
    """A difference of two values with its sign: `+2.8 pp` or `−0.31 EUR`."""
    if words.is_share(metric):
        return points(x)
    return tight(words.difference(x, metric)).replace("-", MINUS) if math.isfinite(x) else NONE


def effects(low: float | None, high: float | None, metric: Metric) -> str:
    """An interval of an effect: `+0.90 to +4.2 pp`; "" where it is open or there is none."""
    if low is None or high is None or not (abs(low) < UNBOUNDED and abs(high) < UNBOUNDED):
        return ""
    if words.is_share(metric):
        return interval(low, high)
    unit = tight(f" {metric.unit}") if metric.unit else ""
    return f"{effect(low, metric).removesuffix(unit)} to {effect(high, metric)}"


def signed(x: float) -> str:
    """A relative change: `+9.8 %`."""
    size = f"{abs(100 * x):.2g}" if abs(x) < 0.1 else f"{abs(100 * x):.0f}"
    return tight(("" if float(size) == 0 else "+" if x > 0 else MINUS) + f"{size} %")


def times(low: float, high: float) -> str:
    """How many times as many, with the interval: `1.6 to 2.4 times as many`."""
    if high >= UNBOUNDED:
        return f"at least {_times(low)} times as many" if low > 0 else "how many times as many is open"
    return f"{_times(low)} to {_times(high)} times as many"


def _times(ratio: float) -> str:
    return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"


def blamed(harm: Harm) -> str:
    """How many of the hurt users were so by the change, where there is little room: `13–18`, `≤ 41`."""
    low, high = harm.low, harm.high
    if low == high:
        return count(low)
    return f"{count(low)}–{count(high)}" if low else f"≤{THIN}{count(high)}"


def span(seconds: float) -> str:
    """`15 s`, `10 min`, `1.5 h`."""
    return tight(words.span(seconds))


def throughput(per_second: float | None) -> str:
    """Requests per second: `0.42/s`, `1,250/s`."""
    if per_second is None or not math.isfinite(per_second):
        return NONE
    return f"{_three(per_second)}/s"


def milliseconds(ms: float | None) -> str:
    """A duration with three digits at most: `0.25 ms`, `182 ms`, `1.5 s`."""
    if ms is None or not math.isfinite(ms):
        return NONE
    return tight(f"{_three(ms / 1000)} s" if ms >= 1000 else f"{_three(ms)} ms")


def _three(x: float) -> str:
    return f"{x:,.0f}" if x >= 100 else f"{x:.3g}"
