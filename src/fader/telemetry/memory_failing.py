"""Failed requests as people look at them, found the plain way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from fader.model.failure import Failure, Request
from fader.telemetry.given import NO_EVIDENCE
from fader.telemetry.line import Line
from fader.telemetry.memory_requests import seen
from fader.telemetry.tracked import EXPOSURE, TrackedRow

#: The arm that a request is in, None for none.
Arm = Callable[[Line], str | None]


def by_version(line: Line) -> str | None:
    return line.v if line.why == "rollout" else None


def by_variant(tracked: Iterable[TrackedRow], rollout: str, met: float) -> Arm:
    """The variant that the unit was last exposed to before the request, from `met` on."""
    exposed: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for event in tracked:
        if event.name == EXPOSURE and event.r == rollout and event.t >= met:
            exposed[event.u].append((event.t, event.v))

    def arm(line: Line) -> str | None:
        before = [(at, variant) for at, variant in exposed[line.u or ""] if at <= line.at]
        return max(before)[1] if before and line.why and line.why not in NO_EVIDENCE else None

    return arm


def failures(lines: list[Line], arm: Arm, candidate: str, baseline: str, most: int) -> tuple[Failure, ...]:
    """Of the lines of a service in some time."""
    lines = sorted(lines, key=lambda x: (-x.at, x.path or ""))
    failed = [x for x in lines if (x.status == 0 or x.status >= 500 or x.w != x.v) and arm(x) == candidate]
    beside: dict[str, Request] = {}
    for x in lines:
        if arm(x) == baseline:
            beside.setdefault(x.route or "", seen(x))
    return tuple(Failure(seen(x), beside.get(x.route or "")) for x in failed[:most])
