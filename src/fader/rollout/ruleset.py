"""From the rollouts' states to what each gateway must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fader.model.flag import Flag, Switch
from fader.model.rollout import RolloutSpec
from fader.model.ruleset import LiveService, Split
from fader.model.service import Service
from fader.model.share import Interval
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.rollout.plan import further


def baseline_now(service: Service, rollouts: Sequence[tuple[RolloutSpec, RolloutState]]) -> str:
    """The version that serves as baseline: the candidate of the last completed rollout, else the file's.

    A rollout that was aborted after its completion counts no more, and neither does a version that is gone.
    """
    known = {v.name for v in service.versions}
    completed = [
        (state.ended_at, spec.candidate)
        for spec, state in rollouts
        if spec.service == service.name and state.phase is Phase.COMPLETED and spec.candidate in known
    ]
    return max(completed)[1] if completed else service.baseline


def build(
    services: Sequence[Service], entries: Sequence[tuple[RolloutSpec, RolloutState, str]]
) -> tuple[LiveService, ...]:
    """`entries`: spec, state and preview secret of every rollout. A rollout that is not active has no split."""
    rollouts = [(spec, state) for spec, state, _ in entries]
    return tuple(
        LiveService(service, baseline_now(service, rollouts), _split(service, entries)) for service in services
    )


def _split(service: Service, entries: Sequence[tuple[RolloutSpec, RolloutState, str]]) -> Split | None:
    """While learning, the interval is empty, and the preview shows the candidate already."""
    for spec, state, preview in entries:
        if spec.service == service.name and state.phase in ACTIVE:
            interval = Interval(state.start, state.share)
            arms = further(spec, state)
            return Split(spec.name, spec.candidate, spec.salt, interval, spec.shield, preview, arms)
    return None


def switched(flags: Sequence[Flag], switches: Sequence[Switch]) -> tuple[Flag, ...]:
    """The flags as people left them: the last switch of each (`switches` oldest first) decides, else the file."""
    last = {s.flag: s.enabled for s in switches}
    return tuple(replace(f, enabled=last.get(f.name, f.enabled)) for f in flags)
