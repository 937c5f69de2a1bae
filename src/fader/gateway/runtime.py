"""The values that change while everything else stays: shares, which flags are on, and whether a listener logs every
unit."""

from __future__ import annotations

from fader.assign.cases import in_order
from fader.gateway.flag_header import flag_values
from fader.gateway.matchers import Json, bounds
from fader.gateway.names import arm_key, listener, share_key, whole_log_key
from fader.model.ruleset import Ruleset, Split
from fader.model.service import Service
from fader.model.share import WHOLE

#: Name of the runtime layer and of its resource.
LAYER = "fader"


def shares(service: Service, split: Split) -> dict[str, Json]:
    """The four keys of a split, and as many of each further arm. An absent key is nobody."""
    values = bounds(share_key(service, split), split.interval)
    for arm in split.beside:
        values.update(bounds(arm_key(service, split, arm), arm.interval))
    return {key: {"numerator": value, "denominator": "MILLION"} for key, value in values.items()}


def runtime(ruleset: Ruleset) -> Json:
    values: Json = {}
    whole: dict[str, bool] = {}
    for live in ruleset.services:
        if live.split:
            values.update(shares(live.service, live.split))
        key = whole_log_key(listener(live.service.listen))
        whole[key] = whole.get(key, True) and live.service.sample >= WHOLE
    flags = {flag.name: flag for flag in ruleset.flags}
    for name in in_order([name for live in ruleset.services for name in live.service.flags], flags):
        values.update(flag_values(flags[name]))
    for key, everything in whole.items():
        values.update({key: 100, f"{key}.not": 0} if everything else {})
    return values
