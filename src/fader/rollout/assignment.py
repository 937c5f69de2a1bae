"""What a unit has and had: from the ruleset that the gateways hold, and from which buckets were held when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fader.assign.bucket import bucket, cut
from fader.assign.reach import reached
from fader.model.assignment import Assignment, Stay, UnitView
from fader.model.holding import Holding
from fader.model.rollout import RolloutSpec
from fader.model.ruleset import LiveService
from fader.model.share import WHOLE, Interval
from fader.model.state import ENDED, RolloutState
from fader.rollout import explain


def looked_up(
    unit: str,
    live: Sequence[LiveService],
    rollouts: Sequence[tuple[RolloutSpec, RolloutState]],
    holdings: Iterable[Holding],
) -> UnitView:
    """`holdings`: of these rollouts, each rollout's oldest first. An empty unit has no bucket: raises ValueError."""
    by_rollout: dict[str, list[Holding]] = defaultdict(list)
    for holding in holdings:
        by_rollout[holding.rollout].append(holding)
    found = {spec.name: stays(unit, spec, by_rollout[spec.name], state) for spec, state in rollouts}
    splits = {s.split.rollout for s in live if s.split}
    everything = [stay for many in found.values() for stay in many]
    return UnitView(
        unit=unit,
        assignments=tuple(
            assigned(unit, s, [x for x in everything if x.service == s.service.name and not x.flag]) for s in live
        ),
        stays=tuple(
            sorted((x for x in everything if x.until or x.rollout not in splits), key=lambda x: (-x.since, x.rollout))
        ),
        without=sum(1 for spec, state in rollouts if state.phase in ENDED and not found[spec.name]),
    )


def stays(
    unit: str, spec: RolloutSpec, holdings: Iterable[Holding], state: RolloutState | None = None
) -> tuple[Stay, ...]:
    """The spans in which the unit had the rollout's candidate, or a further arm of its experiment, oldest first.
    `state` knows which arms were withdrawn in its attempt."""
    held = tuple(holdings)
    found = list(_spans(unit, spec, spec.candidate, held))
    if spec.experiment is not None:
        share = spec.experiment.share
        for k, version in enumerate(spec.experiment.beside, start=1):
            beside = (replace(h, interval=_behind(h.interval, k, share)) for h in held)
            found += [_cut(stay, state) for stay in _spans(unit, spec, version, beside)]
    return tuple(sorted(found, key=lambda stay: stay.since))


def _behind(candidate: Interval, k: int, share: int) -> Interval:
    """What the k-th further arm holds while the candidate holds this: nothing but in the experiment."""
    return Interval((candidate.start + k * share) % WHOLE, share if candidate.width == share else 0)


def _cut(stay: Stay, state: RolloutState | None) -> Stay:
    """A stay with an arm that was withdrawn ends then."""
    for gone in state.withdrawn if state is not None and state.attempt == stay.attempt else ():
        if gone.version == stay.version:
            return replace(stay, until=min(stay.until or gone.at, gone.at))
    return stay


def _spans(unit: str, spec: RolloutSpec, version: str, holdings: Iterable[Holding]) -> tuple[Stay, ...]:
    if not reached(spec.layer, spec.holdouts)(unit):
        return ()
    number, found = bucket(unit, spec.salt), []
    since, attempt = 0.0, 0
    for holding in holdings:
        has = number in holding.interval
        if since and not (has and holding.attempt == attempt):
            found.append(Stay(spec.name, spec.service, version, attempt, number, since, holding.at, spec.flag))
            since = 0.0
        if has and not since:
            since, attempt = holding.at, holding.attempt
    if since:
        found.append(Stay(spec.name, spec.service, version, attempt, number, since, flag=spec.flag))
    return tuple(found)


def assigned(unit: str, live: LiveService, had: Sequence[Stay]) -> Assignment:
    """`had`: the unit's stays in all rollouts of this service."""
    service, split = live.service.name, live.split
    if split is None:
        return Assignment(
            service, live.baseline, explain.nothing_active(service, live.baseline), since_baseline(live.baseline, had)
        )
    if given := next((f.variant for f in split.forced if f.unit == cut(unit)), ""):
        reason = explain.forced(split.rollout, given)
        return Assignment(service, given, reason, rollout=split.rollout, candidate=split.candidate)
    if not reached(split.layer, split.holdouts)(unit):
        reason = explain.not_reached(split.rollout, live.baseline)
        return Assignment(service, live.baseline, reason, since_baseline(live.baseline, had), split.rollout)
    number = bucket(unit, split.salt)
    inside = number in split.interval
    arm = next((arm for arm in split.beside if number in arm.interval), None)
    if arm is not None:
        inside = not arm.withdrawn
        version, reason = arm.version if inside else live.baseline, explain.where_an_arm_lies(split.rollout, arm)
    else:
        version = split.candidate if inside else live.baseline
        reason = explain.where_it_lies(split.rollout, split.candidate, split.interval.width, inside=inside)
    if split.audience:
        reason = f"{reason}; {explain.audience(split.audience, live.baseline)}"
    here = [s for s in had if s.rollout == split.rollout]
    return Assignment(
        service=service,
        version=version,
        reason=reason,
        since=(
            max((s.since for s in here if s.version == version and not s.until), default=0.0)
            if inside
            else since_baseline(live.baseline, had)
        ),
        rollout=split.rollout,
        candidate=split.candidate,
        bucket=number,
        interval=split.interval,
    )


def since_baseline(baseline: str, had: Sequence[Stay]) -> float:
    """From when on the unit has had the baseline: it was given as a candidate once, or came back from another."""
    given = max((s.since for s in had if s.version == baseline and not s.until), default=0.0)
    return max([given, *(s.until for s in had if s.version != baseline)])
