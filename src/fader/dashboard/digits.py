"""Numbers as people read them: sensible digits, units, a true minus sign. Pure."""

from __future__ import annotations

import math

from fader.model.metric import Margin

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def count(n: int) -> str:
    """`12345` → `12,345`."""
    return f"{n:,}"


def significant(x: float, digits: int = 3, *, trim: bool = True) -> str:
    """`digits` significant digits without an exponent; with `trim` no trailing zeros."""
    if not math.isfinite(x):
        return NONE
    if x == 0:
        return "0"
    places = max(0, digits - 1 - math.floor(math.log10(abs(x))))
    text = f"{abs(x):,.{places}f}"
    if trim and "." in text:
        text = text.rstrip("0").rstrip(".")
    return (MINUS if x < 0 and text.strip("0.") else "") + text


def rate(share: float | None) -> str:
    """A share of requests as per cent: `0.0312` → `3.12%`."""
    if share is None or not math.isfinite(share):
        return NONE
    return significant(share * 100, 3 if abs(share) >= 0.01 else 2, trim=False) + "%"


def points(difference: float) -> str:
    """A difference of two shares in percentage points, with its sign: `+2.8 pp`."""
    if not math.isfinite(difference):
        return NONE
    size = abs(difference) * 100
    text = significant(size, 1) if 0 < size < 0.01 else f"{size:.{1 if size >= 1 else 2}f}"
    return f"{'+' if difference > 0 else MINUS if difference < 0 else ''}{text} pp"


def interval(low: float, high: float) -> str:
    """A confidence interval of a difference of shares: `+0.9 to +4.2 pp`."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return ""
    return f"{points(low).removesuffix(' pp')} to {points(high)}"


def margin(tolerate: Margin) -> str:
    """What a guardrail tolerates: `0.2 pp` or `10%`."""
    text = significant(tolerate.value * 100)
    return f"{text} pp" if tolerate.kind == "absolute" else f"{text}%"


def measure(value: float | None, unit: str) -> str:
    """A value of a chart: `%` takes a share, `ms` turns to seconds from 1,000 on."""
    if value is None or not math.isfinite(value):
        return NONE
    if unit == "%":
        return rate(value)
    if unit == "ms" and abs(value) >= 1000:
        return f"{significant(value / 1000)} s"
    return f"{significant(value)} {unit}".rstrip()


def duration(seconds: float) -> str:
    """`15 s`, `10 min`, `1 h 30 min`, `3 d`: two units at most."""
    left = round(seconds)
    if left < 0:
        return MINUS + duration(-seconds)
    parts: list[str] = []
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s")):
        whole, left = divmod(left, size)
        if whole:
            parts.append(f"{whole} {unit}")
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "0 s"
