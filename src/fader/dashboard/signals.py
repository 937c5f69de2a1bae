"""What nobody asked about: the signals of the scan, and whether the data can be trusted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fader.dashboard import digits
from fader.model.share import WHOLE
from fader.model.verdict import Signal
from fader.model.view import RolloutView
from fader.rollout import health as limits
from fader.stats.normal_mixture import e_value
from fader.stats.srm import LOG_ALARM, log_e_outside

KINDS = {"event": "event", "route": "request", "fingerprint": "error"}


@dataclass(frozen=True, slots=True)
class SignalLine:
    """`evidence`: the e-value and what it had to reach. `why`: why it stops nothing, "" where it does."""

    signal: Signal
    kind: str
    times: str
    evidence: str
    why: str


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at. `good` is None where there is nothing to look at yet."""

    good: bool | None
    words: str


def signal_lines(view: RolloutView) -> list[SignalLine]:
    """The harmful ones first, then the strongest."""
    ordered = sorted(view.signals, key=lambda s: (not s.harmful, -s.log_e, s.kind, s.name))
    declared = dict(view.spec.directions).keys()
    measured = {w.metric.event: w.metric.name for w in view.spec.watched}
    return [
        SignalLine(s, KINDS[s.kind], digits.times(s.low, s.high), _evidence(s), _why(s, declared, measured))
        for s in ordered
    ]


def _why(signal: Signal, declared: Collection[str], measured: Mapping[str, str]) -> str:
    if signal.harmful:
        return ""
    if signal.kind == "event" and signal.name in measured:
        return f"It is what {measured[signal.name]} measures, which decides."
    if signal.kind == "fingerprint" or (signal.kind == "event" and signal.name in declared):
        return "It goes the better way, as declared, so it stops nothing."
    return "Whether that is good or bad was declared nowhere, so it stops nothing."


def _evidence(signal: Signal) -> str:
    reached, needed = (f"{min(e_value(log), 1e6):,.0f}" for log in (signal.log_e, signal.threshold))
    return f"e-value {'over ' if signal.log_e > 13.8 else ''}{reached}, needed {needed}"


def checks(view: RolloutView) -> list[Check]:
    """The health of the data of the stage; [] before there is any."""
    health, share = view.health, view.state.share
    if health is None or not 0 < share < WHOLE:
        return []
    candidate, baseline = health.candidate_units, health.baseline_units
    both = candidate + baseline
    if not both:
        return [Check(None, "No user has been seen in this stage yet")]
    beside = limits.beside(view.spec, view.state, health)
    low, high, *rest = limits.split(view.spec, view.state)
    strange = log_e_outside((candidate, baseline, *beside), (low, high), rest) >= LOG_ALARM
    crossed = health.crossed / (both + health.crossed)
    found = [
        Check(
            not strange,
            f"{digits.rate(candidate / both)} of {digits.count(both)} users had {view.spec.new}, "
            f"{digits.share(share)} are meant to",
        ),
        Check(
            health.crossed <= max(limits.CROSSED_FEW, limits.CROSSED_SHARE * (both + health.crossed)),
            f"{digits.count(health.crossed)} saw both {view.spec.arms} ({digits.rate(crossed)})"
            if health.crossed
            else f"nobody saw both {view.spec.arms}",
        ),
        Check(
            abs(health.skew) <= limits.SKEW,
            f"clocks are {digits.span(abs(health.skew))} apart" if abs(health.skew) >= 1 else "clocks agree",
        ),
    ]
    if health.weighed and abs(health.weight - 1) > limits.drift_by_chance(health.weighed):
        found.append(Check(False, f"the sample weighs {health.weight:.2f} of what the gateway counted"))
    return found
