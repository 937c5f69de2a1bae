"""Sentences about what nobody asked about and the scan found."""

from __future__ import annotations

from fader.model.rollout import RolloutSpec
from fader.model.verdict import Signal
from fader.rollout import words
from fader.stats.judge import UNBOUNDED

KINDS = {"event": "event", "route": "route", "fingerprint": "error"}


def signal(spec: RolloutSpec, s: Signal) -> str:
    """`event refund: 3.1 times as many users on v2 as on v1 (…)`, and whether it matters."""
    return f"{_named(s)}: {_found(spec, s)}"


def fresh(spec: RolloutSpec, s: Signal) -> str:
    """A cause: the error that the candidate brought."""
    return (
        f"{spec.new} brought a new error, {s.name}: {_counts(spec, s)}; "
        f"the chance of this without a change is below {words.odds(s.log_e)}"
    )


def waits(spec: RolloutSpec, s: Signal) -> str:
    return (
        f"{_named(s)} goes the wrong way: {_found(spec, s)}. Look into it; it clears by itself if the difference "
        "goes away, and promote goes on in spite of it"
    )


def _named(s: Signal) -> str:
    return f"{KINDS[s.kind]} {s.name}"


def _found(spec: RolloutSpec, s: Signal) -> str:
    if s.ratio >= UNBOUNDED:
        return f"on {spec.new} alone ({_counts(spec, s)})"
    to = "any number of" if s.high >= UNBOUNDED else f"{s.high:.3g}"
    return f"{s.ratio:.3g} times as many users on {spec.new} ({s.low:.3g} to {to} times; {_counts(spec, s)})"


def _counts(spec: RolloutSpec, s: Signal) -> str:
    return f"{words.users(s.candidate)} on {spec.new}, {words.number(s.baseline)} on {spec.old}"
