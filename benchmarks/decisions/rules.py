"""The rules of the comparison by name."""

from __future__ import annotations

from collections.abc import Callable

from .fader import USUAL, Fader, spec_of
from .peers.argo import Argo
from .peers.flagger import Flagger
from .peers.growthbook import GrowthBook
from .peers.kayenta import Kayenta
from .peers.launchdarkly import LaunchDarkly
from .peers.unleash import Unleash
from .replay import Rule
from .stream import Stream

RULES: dict[str, Callable[[Stream], Rule]] = {
    "fader": lambda stream: Fader(stream, spec_of(USUAL)),
    "Argo, example": lambda _: Argo(),
    "Argo, limit 0": lambda _: Argo(failure_limit=0),
    "Flagger": lambda _: Flagger(),
    "GrowthBook": GrowthBook,
    "LaunchDarkly": LaunchDarkly,
    "Unleash": Unleash,
    "Kayenta": lambda _: Kayenta(),
}
