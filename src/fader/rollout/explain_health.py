"""Sentences about the data: what is broken, and what to do."""

from __future__ import annotations

from collections.abc import Sequence

from fader.model.rollout import RolloutSpec
from fader.model.share import WHOLE
from fader.rollout import words


def mismatch(spec: RolloutSpec, units: Sequence[int], given: Sequence[int]) -> str:
    """`units`: of the candidate, the baseline, and further arms; `given`: the share of each in ppm."""
    everybody, share = max(1, sum(units)), words.share(round(WHOLE * given[0] / sum(given)))
    beside = ""
    if len(units) > 2:
        counts = ", ".join(map(words.number, (units[1], *units[2:])))
        beside = f" (the baseline and the arms beside it: {counts})"
    arms = f"two {spec.arms}" if len(units) == 2 else spec.arms
    return (
        f"{spec.new} was seen with {words.number(units[0])} of {words.users(everybody)}, "
        f"{100 * units[0] / everybody:.3g} % where {share} was set{beside}: "
        f"something treats the {arms} differently, so no comparison can be trusted. Find out why, then promote or "
        f"abort"
    )


def lost(requests: int) -> str:
    return f"{words.number(requests)} requests of the last minute are missing from the log: what is there may mislead"


def crossed(spec: RolloutSpec, units: int, everybody: int) -> str:
    fix = _same_unit(spec, "Let the app and the gateway take the unit from the same place")
    return (
        f"{words.number(units)} of {words.users(everybody)} were seen on both {spec.arms} and count on neither: "
        f"their id is not the same everywhere. {fix}"
    )


def _same_unit(spec: RolloutSpec, otherwise: str) -> str:
    """What to do. An app that stands alone has no gateway to look at."""
    return "Ask for the flag and track with the same unit everywhere" if spec.flag and not spec.service else otherwise


def silent(units: int, exposed: int) -> str:
    return (
        f"{words.number(units)} of {words.users(exposed)} were exposed by the app and then neither asked nor did "
        "anything: the app sends exposures with another id than its requests carry. Send the unit that the gateway sees"
    )


def unexposed(spec: RolloutSpec, units: int, everybody: int) -> str:
    other = "the flag is asked for with" if spec.flag else "requests carry"
    return (
        f"{words.number(units)} of {words.users(everybody)} have outcomes and were never exposed: outcomes are sent "
        f"with another id than {other}. {_same_unit(spec, 'Send the unit that the gateway sees')}"
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
