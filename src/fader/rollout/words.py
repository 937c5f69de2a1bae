"""Numbers and spans as people read them."""

from __future__ import annotations

from math import exp, floor, log

from fader.model.applied import Applied
from fader.model.flag import Switch
from fader.model.metric import REQUEST, Margin, Metric
from fader.model.share import WHOLE
from fader.model.state import RolloutState
from fader.model.verdict import Judgement
from fader.model.view import Harm


def share(ppm: int) -> str:
    """A share of units: `5 %`, `0.0001 %`."""
    return f"{ppm * 100 / WHOLE:.4f}".rstrip("0").rstrip(".") + " %"


def rate(x: float) -> str:
    """A share of requests with two significant digits: `0.31 %`, `12 %`, `0 %`."""
    p = 100 * x
    if p == 0:
        return "0 %"
    if p >= 99.5:
        return f"{p:.1f}".rstrip("0").rstrip(".") + " %"
    if p >= 10:
        return f"{p:.0f} %"
    return f"{p:.2g} %" if p >= 0.0001 else "below 0.0001 %"


def number(n: float) -> str:
    return f"{n:,.0f}"


def users(n: float) -> str:
    return f"{number(n)} user" + ("" if round(n) == 1 else "s")


def caused(harm: Harm, arm: str) -> str:
    """How many of the hurt users were so by the change: `13 to 18 of them by v2`."""
    low, high = harm.low, harm.high
    if low == high:
        return f"{number(low) if low else 'none'} of them by {arm}"
    return f"{number(low)} to {number(high)} of them by {arm}" if low else f"at most {number(high)} of them by {arm}"


def value(x: float, metric: Metric) -> str:
    known = {"duration_ms": "ms", "bytes_received": "bytes", "bytes_sent": "bytes"}
    unit = metric.unit or known.get(metric.value, "")
    return (f"{x:,.0f}" if abs(x) >= 100 else f"{x:.3g}") + (f" {unit}" if unit else "")


def is_share(metric: Metric) -> bool:
    """Whether the number of a metric is a share, told in per cent."""
    return metric.is_share or metric.kind == "quantile"


def amount(x: float, metric: Metric) -> str:
    """A number of a metric as its evidence counts it: a share, or an amount per unit."""
    return rate(x) if is_share(metric) else value(x, metric)


def difference(x: float, metric: Metric) -> str:
    """`+1.2 pp`, `-0.4 EUR`."""
    sign = "+" if x >= 0 else "-"
    return sign + (f"{100 * abs(x):.2g} pp" if is_share(metric) else value(abs(x), metric))


def per(metric: Metric) -> str:
    """What an amount is of: `of requests`, `per user`."""
    if metric.kind == "ratio" and metric.per is not None:
        return f"per {metric.per.event}"
    if metric.kind in ("count", "mean"):
        return "per user"
    if metric.external is not None:
        where = f"in {metric.external.provider.name}"
        return f"of the total {where}" if metric.external.counters else where
    if metric.kind == "retention" or (metric.kind == "proportion" and metric.of == "units"):
        return "of users"
    return "of requests" if metric.event == REQUEST else f"of {metric.event} events"


def span(seconds: float) -> str:
    """`8 s`, `4 min`, `2.5 h`, `3 days`."""
    s = max(0.0, seconds)
    if s < 100:
        return f"{s:.0f} s"
    if s < 5_400:
        return f"{s / 60:.0f} min"
    if s < 172_800:
        return f"{s / 3600:.1f}".removesuffix(".0") + " h"
    return f"{s / 86_400:.0f} days"


def margin(m: Margin, scaled: float, metric: Metric) -> str:
    """A margin as it is written: `0.2 pp`, `10 %`; an absolute one of a quantile in its unit."""
    if m.kind == "relative":
        return f"{100 * scaled:.3g} %" if scaled < 9.995 else f"{100 * scaled:,.0f} %"
    if metric.kind == "quantile":
        return value(scaled, metric)
    return f"{100 * scaled:.2g} pp"


def quantile(metric: Metric) -> str:
    """`p95`, `p99.9`."""
    return f"p{100 * metric.q:.4g}"


def odds(log_e: float) -> str:
    """An e-value as the odds that it bounds: `1 in 160`."""
    if log_e >= log(1e6):
        return "1 in a million"
    return f"1 in {floor(exp(log_e) + 1e-9):,}"


def seconds_left(j: Judgement, state: RolloutState, now: float) -> float | None:
    """How long until the missing units have come at the rate of this stage so far."""
    if j.more_units is None or j.candidate_units == 0 or now <= state.stage_since:
        return None
    return (now - state.stage_since) * j.more_units / j.candidate_units


def phase(state: RolloutState) -> str:
    """The phase as people read it: `rolled back`."""
    return state.phase.replace("_", " ")


#: Names that the record of an apply holds at most.
NAMED = 12


def applied(a: Applied) -> str:
    """What an apply changed, as the history says it: `added rollout shop-v2; changed flag theme (rules)`."""
    parts, named = [], 0
    for action, done in (("add", "added"), ("change", "changed"), ("remove", "removed")):
        found = [c for c in a.changes if c.action == action]
        shown = found[: NAMED - named]
        named += len(shown)
        words = [f"{c.kind} {c.name}" + (f" ({c.detail})" if action == "change" and c.detail else "") for c in shown]
        if len(found) > len(shown):
            words.append(f"{number(len(found) - len(shown))} more")
        if words:
            parts.append(f"{done} {', '.join(words)}")
    what = "; ".join(parts) or "changed nothing but the text"
    return f"{what}; from {a.path}" if a.path else what


def turned(switch: Switch) -> str:
    """What a switch did, as the history says it."""
    return f"flag {switch.flag} was switched {'on' if switch.enabled else 'off'}"
