"""Sentences about the data: what is broken, and what to do."""

from __future__ import annotations

from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.model.state import RolloutState
from fader.rollout import words


def mismatch(spec: RolloutSpec, state: RolloutState, candidate: int, baseline: int) -> str:
    got = WHOLE * candidate / max(1, candidate + baseline)
    return (
        f"{spec.candidate} was seen with {words.number(candidate)} of {words.users(candidate + baseline)}, "
        f"{100 * got / WHOLE:.3g} % where {words.share(state.share)} was set: something treats the two versions "
        f"differently, so no comparison can be trusted. Find out why, then promote or abort"
    )


def lost(requests: int) -> str:
    return f"{words.number(requests)} requests of the last minute are missing from the log: what is there may mislead"


def crossed(units: int, everybody: int) -> str:
    return (
        f"{words.number(units)} of {words.users(everybody)} were seen on both versions and count on neither: their id "
        "is not the same everywhere. Let the app and the gateway take the unit from the same place"
    )


def silent(units: int, exposed: int) -> str:
    return (
        f"{words.number(units)} of {words.users(exposed)} were exposed by the app and then neither asked nor did "
        "anything: the app sends exposures with another id than its requests carry. Send the unit that the gateway sees"
    )


def unexposed(units: int, everybody: int) -> str:
    return (
        f"{words.number(units)} of {words.users(everybody)} have outcomes and were never exposed: outcomes are sent "
        "with another id than requests carry. Send the unit that the gateway sees"
    )


def skewed(seconds: float) -> str:
    where = "ahead of" if seconds > 0 else "behind"
    return (
        f"events lie {words.span(abs(seconds))} {where} the server's clock and would be counted in the wrong stage: "
        "set the clocks of the senders, or send events sooner"
    )


def drifted(weight: float) -> str:
    return (
        f"the sampled requests add up to {100 * weight:.3g} % of those that the gateway counted: shares of requests "
        "cannot be trusted. Look for lost log lines, or set sample to 100%"
    )
