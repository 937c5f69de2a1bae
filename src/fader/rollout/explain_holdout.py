"""Sentences about holdouts: who is held out, and what the difference to all others came to."""

from __future__ import annotations

from math import ceil

from fader.model.holdout import HoldoutView
from fader.model.metric import Metric
from fader.model.verdict import Reading
from fader.rollout import words

VERDICTS = {
    "better": "is better without the holdout",
    "worse": "is worse without the holdout",
    "same": "shows no difference that matters",
    "undecided": "is undecided",
}


def headline(h: HoldoutView, now: float) -> str:
    """`q4 holds 5 % of users out of every rollout, for 12 days now: 510 users held out against 9,720 others`."""
    what = f"of {', '.join(h.rollouts)}" if h.rollouts else "of every rollout"
    if h.until:
        said = f"{h.name} held {words.share(h.share)} of users out {what}, for {words.span(h.until - h.since)}"
    else:
        said = f"{h.name} holds {words.share(h.share)} of users out {what}, for {words.span(now - h.since)} now"
    if not h.held and not h.others:
        return f"{said}: no user was seen{'' if h.until else ' yet'}"
    return (
        f"{said}: {words.users(h.held)} held out against {words.number(h.others)} other{'s' if h.others != 1 else ''}"
    )


def mismatch(h: HoldoutView) -> str:
    total = h.held + h.others
    return (
        f"{words.number(h.held)} of {words.users(total)} are held out, which is not {words.share(h.share)} of them: "
        f"the odds of that by chance are {words.odds(h.log_e_ratio)}, so who was seen, or logged, may depend on "
        "what was shipped: no difference can be trusted"
    )


def unlearnt(metric: Metric) -> str:
    return f"what a usual value is at {words.quantile(metric)} is still being learnt"


def nobody(held: int, others: int) -> str:
    if not held and not others:
        return "no user with it was seen yet"
    return "nobody held out was seen with it yet" if not held else "nobody but those held out was seen with it yet"


def few_units(least: int, needed: int) -> str:
    return f"{words.users(least)} on one side are too few, at least {words.number(needed)} are needed"


def few_events(had: int, needed: float) -> str:
    needed = ceil(needed)
    return (
        f"it occurred to {words.users(had)} so far, and so small a share needs at least {words.number(needed)} of them"
    )


def reading(metric: Metric, r: Reading, threshold: float = 0.0) -> str:
    """`errors is worse without the holdout: 2.1 % of requests against 1.9 % of those held out, …`."""
    if r.verdict == "unknown":
        return f"{r.metric} is unknown: {r.missing}"
    return f"{r.metric} {VERDICTS[r.verdict]}: {_compared(metric, r, threshold)}, {_interval(metric, r)}"


def _compared(metric: Metric, r: Reading, threshold: float) -> str:
    if metric.kind == "quantile":
        more = "more" if r.effect >= 0 else "less"
        part, usual = words.difference(abs(r.effect), metric).removeprefix("+"), words.value(threshold, metric)
        return f"{part} {more} of it lies above {usual}, its {words.quantile(metric)} when it was first measured"
    return (
        f"{words.amount(r.candidate_value, metric)} {words.per(metric)} against "
        f"{words.amount(r.baseline_value, metric)} of those held out"
    )


def _interval(metric: Metric, r: Reading) -> str:
    return (
        f"a difference of {words.difference(r.effect, metric)}, between {words.difference(r.low, metric)} and "
        f"{words.difference(r.high, metric)} ({100 * (1 - r.alpha):.3g} % sure at every look)"
    )
