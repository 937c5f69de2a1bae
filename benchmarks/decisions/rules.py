"""The rules of the comparison by name."""

from __future__ import annotations

from collections.abc import Callable

from fader.model.rollout import Budget

from .fader import BAKE, USUAL, Fader, spec_of
from .peers.argo import Argo
from .peers.flagger import Flagger
from .peers.growthbook import GrowthBook
from .peers.kayenta import Kayenta
from .peers.launchdarkly import LaunchDarkly
from .peers.unleash import Unleash
from .replay import Rule
from .stream import Stream

#: Of the adaptive ramp: the users that it may hurt, and the dwell of the fixed plan; else the defaults.
BUDGET = Budget(units=200, bake=BAKE)


RULES: dict[str, Callable[[Stream], Rule]] = {
    "fader": lambda stream: Fader(stream, spec_of(USUAL)),
    "fader, auto": lambda stream: Fader(stream, spec_of(USUAL, budget=BUDGET)),
    "Argo, example": lambda _: Argo(),
    "Argo, limit 0": lambda _: Argo(failure_limit=0),
    "Flagger": lambda _: Flagger(),
    "GrowthBook": GrowthBook,
    "LaunchDarkly": LaunchDarkly,
    "Unleash": Unleash,
    "Kayenta": lambda _: Kayenta(),
}
