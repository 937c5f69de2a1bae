"""Numbers as the sentences say them (`fader.rollout.words`), set so that none breaks over two lines. Pure."""

from __future__ import annotations

import math

from fader.model.metric import Margin, Metric
from fader.rollout import words

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
#: Between a number and its per cent sign.
THIN = "\N{NARROW NO-BREAK SPACE}"


def tight(text: str) -> str:
    return text.replace(" %", f"{THIN}%").replace(" ", "\N{NO-BREAK SPACE}")


def count(n: int) -> str:
    """`12345` → `12,345`."""
    return words.number(n)


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
    """A value of a metric: `0.31 %` or `182 ms`."""
    if x is None or not math.isfinite(x):
        return NONE
    return rate(x) if metric.kind == "proportion" else tight(words.value(x, metric))


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
