"""Flags that a service sends: each must exist and be one that a gateway can decide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from fader.assign.cases import cases
from fader.assign.reduce import NotAtGateway
from fader.errors import Problem
from fader.model.flag import Flag
from fader.model.segment import Segment
from fader.model.service import Service
from fader.schema.crosscheck import written_names
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
        for name in service.flags:
            try:
                cases(flags_by_name[name], by_name, service.attributes)
            except NotAtGateway as refusal:
                message = f"{refusal.reason}, and service {service.name} sends {name}"
                fix = f"{refusal.fix}; or take it out of services.{service.name}.flags and ask by the SDK or OFREP"
                yield source.problem(("flags", name, *refusal.where), message, fix)
