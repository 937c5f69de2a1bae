"""What a unit has and had: from the ruleset that the gateways hold, and from which buckets were held when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from fader.assign.bucket import bucket, cut
from fader.assign.reach import reached
from fader.model.assignment import Assignment, Stay, UnitView
from fader.model.flag import Flag, Move
from fader.model.holding import Holding
from fader.model.rollout import RolloutSpec, Subject
from fader.model.ruleset import LiveService, Split
from fader.model.share import WHOLE, Interval
from fader.model.state import ENDED, RolloutState
from fader.rollout import explain


def looked_up(
    unit: str,
    live: Sequence[LiveService],
    rollouts: Sequence[tuple[RolloutSpec, RolloutState]],
    holdings: Iterable[Holding],
    flags: Sequence[Flag] = (),
) -> UnitView:
    """`holdings`: of these rollouts, each rollout's oldest first. Of `flags`, those under a rollout are assigned. An
    empty unit has no bucket: raises ValueError."""
    by_rollout: dict[str, list[Holding]] = defaultdict(list)
    for holding in holdings:
        by_rollout[holding.rollout].append(holding)
    found = {spec.name: stays(unit, spec, by_rollout[spec.name], state) for spec, state in rollouts}
    moves = [(flag, flag.move) for flag in flags if flag.move]
    active = {s.split.rollout for s in live if s.split} | {move.rollout for _, move in moves}
    everything = [stay for many in found.values() for stay in many]
    return UnitView(
        unit=unit,
        assignments=(
            *(assigned(unit, s, [x for x in everything if x.service == s.service.name and not x.flag]) for s in live),
            *(moved(unit, flag, move, [x for x in everything if x.flag == flag.name]) for flag, move in moves),
        ),
        stays=tuple(
            sorted((x for x in everything if x.until or x.rollout not in active), key=lambda x: (-x.since, x.rollout))
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
    service, baseline = live.service.name, live.baseline
    if live.split is None:
        return Assignment(service, baseline, explain.nothing_active(service, baseline), since_baseline(baseline, had))
    if given := next((f.variant for f in live.split.forced if f.unit == cut(unit)), ""):
        rollout = live.split.rollout
        return Assignment(service, given, explain.forced(rollout, given), 0.0, rollout, live.split.candidate)
    return replace(_drawn(unit, live.split, Subject("service", service), baseline, had), service=service)


def moved(unit: str, flag: Flag, move: Move, had: Sequence[Stay]) -> Assignment:
    """What the rollout gives the unit where no rule of the flag settles it: rules ask for attributes that are not known
    here. `had`: the unit's stays in all rollouts of this flag."""
    if not flag.enabled:
        return Assignment("", flag.off, explain.switched_off(flag), rollout=move.rollout, flag=flag.name)
    found = _drawn(unit, move, Subject("flag", flag.name), flag.default, had)
    return replace(found, flag=flag.name, reason=f"{found.reason}; {explain.rules_first(flag)}")


def _drawn(unit: str, draw: Split | Move, subject: Subject, baseline: str, had: Sequence[Stay]) -> Assignment:
    if not reached(draw.layer, draw.holdouts)(unit):
        reason = explain.not_reached(draw.rollout, subject.called(baseline))
        return Assignment("", baseline, reason, since_baseline(baseline, had), draw.rollout)
    number = bucket(unit, draw.salt)
    inside = number in draw.interval
    arm = next((arm for arm in draw.beside if number in arm.interval), None)
    if arm is not None:
        inside = not arm.withdrawn
        version, reason = arm.version if inside else baseline, explain.where_an_arm_lies(subject, draw.rollout, arm)
    else:
        version = draw.candidate if inside else baseline
        new = subject.called(draw.candidate)
        reason = explain.where_it_lies(draw.rollout, new, draw.interval.width, inside=inside)
    if draw.audience:
        reason = f"{reason}; {explain.audience(draw.audience, subject.called(baseline))}"
    here = [s for s in had if s.rollout == draw.rollout]
    return Assignment(
        service="",
        version=version,
        reason=reason,
        since=(
            max((s.since for s in here if s.version == version and not s.until), default=0.0)
            if inside
            else since_baseline(baseline, had)
        ),
        rollout=draw.rollout,
        candidate=draw.candidate,
        bucket=number,
        interval=draw.interval,
    )


def since_baseline(baseline: str, had: Sequence[Stay]) -> float:
    """From when on the unit has had the baseline: it was given as a candidate once, or came back from another."""
    given = max((s.since for s in had if s.version == baseline and not s.until), default=0.0)
    return max([given, *(s.until for s in had if s.version != baseline)])
