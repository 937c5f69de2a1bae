"""What a gateway decides: the flags that a service sends, and the audiences of rollouts. What they name must exist, and
each must be one that a gateway can decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fader.assign.cases import cases, in_order, moved
from fader.assign.cel import segments_of
from fader.assign.cel_parser import parse
from fader.assign.reduce import NotAtGateway, Reducer
from fader.errors import Problem
from fader.model.flag import Flag
from fader.model.segment import Segment
from fader.model.service import Service
from fader.schema.crosscheck import written_names
from fader.schema.rollout import RolloutText
from fader.schema.service import MOST_SENT
from fader.schema.source import Source
from fader.schema.suggest import did_you_mean, quoted


def unknown_flag_problems(services: Iterable[Service], source: Source) -> Iterator[Problem]:
    written = written_names(source.data, "flags")
    for service in services:
        for i, name in enumerate(service.flags):
            if name not in written:
                fix = did_you_mean(name, written) if written else "write it under flags:"
                yield source.problem(("services", service.name, "flags", i), f"there is no flag {quoted(name)}", fix)


def sent_problems(
    services: Iterable[Service], flags: Iterable[Flag], segments: Iterable[Segment], source: Source
) -> Iterator[Problem]:
    """For a file that is sound otherwise: its segments make no circle, and its names point at something."""
    by_name: Mapping[str, Segment] = {segment.name: segment for segment in segments}
    flags_by_name = {flag.name: flag for flag in flags}
    for service in services:
        needed = in_order(service.flags, flags_by_name)
        if len(needed) > MOST_SENT:
            message = f"need {len(needed)} flags with those that they require, more than {MOST_SENT}"
            yield source.problem(("services", service.name, "flags"), message, "send those that the app asks for")
        for name in needed:
            try:
                cases(flags_by_name[name], by_name, service.attributes)
            except NotAtGateway as refusal:
                why = f"sends {name}" if name in service.flags else f"sends a flag that requires {name}"
                message = f"{refusal.reason}, and service {service.name} {why}"
                fix = f"{refusal.fix}; or take it out of services.{service.name}.flags and ask by the SDK or OFREP"
                yield source.problem(("flags", name, *refusal.where), message, fix)


def unknown_audience_problems(rollouts: Mapping[str, RolloutText], source: Source) -> Iterator[Problem]:
    known = written_names(source.data, "segments")
    for name, rollout in rollouts.items():
        for segment, position in segments_of(parse(rollout.audience)) if rollout.audience else ():
            if segment not in known:
                written = written_names(source.data, "rollouts", name).get("audience")
                where = "" if written == segment else f"at character {position}: "
                fix = did_you_mean(segment, known) if known else "write it under segments:"
                at = ("rollouts", name, "audience")
                yield source.problem(at, f"{where}there is no segment {quoted(segment)}", fix)


def audience_problems(
    rollouts: Mapping[str, RolloutText],
    services: Mapping[str, Service],
    flags: Iterable[Flag],
    segments: Iterable[Segment],
    source: Source,
) -> Iterator[Problem]:
    """For a file that is sound otherwise. The audience of a flag's rollout is decided where the flag is: also by
    gateways that send it, beside its rules."""
    by_name = {segment.name: segment for segment in segments}
    flags_by_name = {flag.name: flag for flag in flags}
    for name, rollout in rollouts.items():
        senders = [s for s in services.values() if rollout.flag in in_order(s.flags, flags_by_name)]
        for service in senders if rollout.flag else [services[rollout.service]]:
            try:
                if rollout.flag:
                    cases(moved(flags_by_name[rollout.flag], rollout.audience), by_name, service.attributes)
                else:
                    reducer = Reducer(by_name, service.attributes)
                    reducer.condition(rollout.audience, ("audience",))
                    Reducer({}).units([unit for ids in rollout.units.values() for unit in ids], ("units",))
            except NotAtGateway as refusal:
                at = ("rollouts", name, *(("audience",) if rollout.flag else refusal.where))
                yield source.problem(at, refusal.reason, refusal.fix)
