"""Chart points grow with time; a chart has some hundreds of pixels. Older points are thinned, new ones kept."""

from __future__ import annotations

from collections.abc import Sequence

#: Points kept of one metric of one rollout before half of the older part goes.
KEEP = 600


def thin(times: Sequence[float]) -> frozenset[float]:
    """The times to drop: every second one of the older three quarters. `times` ascend."""
    older = times[: len(times) * 3 // 4]
    return frozenset(older[1::2])
