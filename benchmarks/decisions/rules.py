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

#: Of the adaptive ramp: the users that it may hurt, and the dwell of the fixed plan.
BUDGET = Budget(units=200, bake=BAKE)


def pace(stream: Stream) -> int:
    """Minutes between fader's looks. It looks once a second; a minute hardly changes what it finds, and costs less."""
    return 1 if stream.world.rate >= 100 else 5


RULES: dict[str, Callable[[Stream], Rule]] = {
    "fader": lambda stream: Fader(stream, spec_of(USUAL), every=pace(stream)),
    "fader, auto": lambda stream: Fader(stream, spec_of(USUAL, budget=BUDGET), every=pace(stream)),
    "Argo, example": lambda _: Argo(),
    "Argo, limit 0": lambda _: Argo(failure_limit=0),
    "Flagger": lambda _: Flagger(),
    "GrowthBook": GrowthBook,
    "LaunchDarkly": LaunchDarkly,
    "Unleash": Unleash,
    "Kayenta": lambda _: Kayenta(),
}
