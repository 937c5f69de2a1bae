"""From the rollouts' states to what each gateway must hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from fader.assign.cases import in_order
from fader.assign.cel import segments_of
from fader.assign.cel_parser import parse
from fader.model.flag import Flag, HeldOut, Move, Switch
from fader.model.rollout import RolloutSpec, Subject
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Service
from fader.model.share import Draw, Interval
from fader.model.state import ACTIVE, Phase, RolloutState
from fader.rollout.plan import further


def baseline_now(of: Service | Flag, rollouts: Sequence[tuple[RolloutSpec, RolloutState]]) -> str:
    """The version that serves as baseline, or the variant that is a flag's default: the candidate of the last
    completed rollout, else the file's.

    A rollout that was aborted after its completion counts no more, and neither does what is gone.
    """
    if isinstance(of, Flag):
        subject, known, otherwise = Subject("flag", of.name), {v.name for v in of.variants}, of.default
    else:
        subject, known, otherwise = Subject("service", of.name), {v.name for v in of.versions}, of.baseline
    completed = [
        (state.ended_at, spec.candidate)
        for spec, state in rollouts
        if spec.subject == subject and state.phase is Phase.COMPLETED and spec.candidate in known
    ]
    return max(completed)[1] if completed else otherwise


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
        if spec.subject == Subject("service", service.name) and state.phase in ACTIVE:
            interval = Interval(state.start, state.share)
            arms = further(spec, state)
            reach = spec.audience, spec.layer, spec.holdouts, spec.forced
            return Split(spec.name, spec.candidate, spec.salt, interval, spec.shield, preview, arms, *reach)
    return None


def switched(flags: Sequence[Flag], switches: Sequence[Switch]) -> tuple[Flag, ...]:
    """The flags as people left them: the last switch of each (`switches` oldest first) decides, else the file. One that
    stays as it is stays the same object, by which whoever has thousands to compare every second knows it."""
    last = {s.flag: s.enabled for s in switches}
    return tuple(f if last.get(f.name, f.enabled) is f.enabled else replace(f, enabled=not f.enabled) for f in flags)


def moved(flags: Sequence[Flag], rollouts: Sequence[tuple[RolloutSpec, RolloutState]]) -> tuple[Flag, ...]:
    """The flags as rollouts left them and move them now. While learning, everybody in it has the baseline. A flag
    without rollouts stays the same object."""
    names = {spec.subject.name for spec, _ in rollouts if spec.subject.kind == "flag"}
    return tuple(_moved(flag, rollouts) if flag.name in names else flag for flag in flags)


def _moved(flag: Flag, rollouts: Sequence[tuple[RolloutSpec, RolloutState]]) -> Flag:
    return replace(
        flag,
        default=baseline_now(flag, rollouts),
        move=_move(Subject("flag", flag.name), rollouts),
        held=_held(flag, rollouts),
    )


def _held(flag: Flag, rollouts: Sequence[tuple[RolloutSpec, RolloutState]]) -> tuple[HeldOut, ...]:
    """Of each holdout, what its units had before the first rollout that they were held out of was completed."""
    completed = [
        (state.ended_at, spec)
        for spec, state in rollouts
        if spec.subject == Subject("flag", flag.name) and state.phase is Phase.COMPLETED
    ]
    held: dict[Draw, HeldOut] = {}
    for _, spec in sorted(completed, key=lambda ended: ended[0]):
        for draw in spec.holdouts:
            if spec.baseline in {v.name for v in flag.variants}:
                held.setdefault(draw, HeldOut(draw, spec.baseline))
    return tuple(held.values())


def _move(subject: Subject, rollouts: Sequence[tuple[RolloutSpec, RolloutState]]) -> Move | None:
    for spec, state in rollouts:
        if spec.subject == subject and state.phase in ACTIVE:
            interval = Interval(state.start, state.share)
            reach = spec.audience, spec.layer, spec.holdouts
            return Move(spec.name, spec.candidate, spec.salt, interval, further(spec, state), *reach)
    return None


def for_gateways(ruleset: Ruleset) -> Ruleset:
    """What a gateway needs of it: the flags that a service sends, those that they require, and the segments that they
    and audiences name."""
    known = {flag.name: flag for flag in ruleset.flags}
    sent = set(in_order([name for live in ruleset.services for name in live.service.flags], known))
    flags = tuple(flag for flag in ruleset.flags if flag.name in sent)
    by_name = {segment.name: segment for segment in ruleset.segments}
    conditions = [rule.condition for flag in flags for rule in flag.rules]
    conditions += [flag.move.audience for flag in flags if flag.move]
    conditions += [live.split.audience for live in ruleset.services if live.split]
    needed: set[str] = set()
    while conditions:
        condition = conditions.pop()
        for name, _ in segments_of(parse(condition)) if condition else ():
            if name in by_name and name not in needed:
                needed.add(name)
                conditions.append(by_name[name].condition)
    return replace(ruleset, flags=flags, segments=tuple(s for s in ruleset.segments if s.name in needed))
