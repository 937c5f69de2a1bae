"""The exposures that a line of the log tells: of a gateway that says what rollouts of flags gave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from fader.telemetry.line import Line
from fader.telemetry.tracked import EXPOSURE, TrackedRow

#: In the place of the hash of an id, which is never negative: a line is taken over once, so that nothing comes twice.
NO_ID = -1
#: How a gateway marks what a rollout gave, behind `rollout=variant`.
GIVEN = ":denied"
#: Requests for which nothing counts: those of engineers, and those that the service leaves out.
NO_EVIDENCE = ("preview", "excluded")


def told(lines: Iterable[Line]) -> Iterator[TrackedRow]:
    """One for each request and rollout, at the time of the request. A line from outside of the sample is there for what
    went wrong: units that were exposed by such lines alone would be worse off than those of which everything is kept.
    """
    for line in lines:
        if not line.x or not line.u or line.k is None or line.p is None or line.why in NO_EVIDENCE:
            continue
        for each in line.x.split(","):
            rollout, equals, variant = each.removesuffix(GIVEN).partition("=")
            if each.endswith(GIVEN) and rollout and equals and variant:
                yield TrackedRow(NO_ID, line.k, line.u, line.at, EXPOSURE, rollout, variant, {}, {}, "", 0.0)
