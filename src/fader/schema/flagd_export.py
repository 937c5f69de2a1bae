"""Flags as a document of flagd, the way back from `flagd`: what it evaluates gives every unit what fader gives it.

A flag of which a part means something else there is left out whole, with the reason: half of its rules would be
another flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from fader.assign.evaluate import rule_name
from fader.assign.jsonlogic import JsonLogic, Logic, NotInJsonLogic
from fader.model.flag import Flag, Rule
from fader.model.segment import Segment
from fader.model.share import WHOLE, percent

SCHEMA = "https://flagd.dev/schema/v0/flags.json"


class NotExported(ValueError):
    """A part of the flag has no counterpart there."""


@dataclass
class Exported:
    """`document` is what flagd reads; `left`: what was not carried over, or means less, one sentence each."""

    document: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


def export_flagd(flags: Iterable[Flag], segments: Iterable[Segment] = ()) -> Exported:
    """The flags as they are in force, and of the `segments` those that they ask for, written out."""
    found, known = Exported(), {segment.name: segment for segment in segments}
    taken = {}
    for flag in flags:
        try:
            taken[flag.name] = _flag(flag, JsonLogic(known), found.left)
        except NotExported as error:
            found.left.append(f"flag {flag.name} is left out: {error}")
    found.document = {"$schema": SCHEMA, "flags": taken}
    return found


def _flag(flag: Flag, logic: JsonLogic, left: list[str]) -> dict[str, Any]:
    made: dict[str, Any] = {
        "state": "ENABLED",  # flagd lets the app use its own default for one that is disabled
        "variants": {variant.name: variant.value for variant in flag.variants},
        "defaultVariant": flag.default if flag.enabled else flag.off,
    }
    if not flag.enabled:
        left.append(f"flag {flag.name} is off: everybody gets {flag.off} there, and its rules stay here")
    elif steps := _steps(flag, logic):
        made["targeting"] = {"if": steps}
        left += [f"flag {flag.name}: {note}" for note in dict.fromkeys(logic.notes)]
    told = {"description": flag.description, "owner": flag.owner}
    metadata = {name: text for name, text in told.items() if text} | dict(flag.metadata)
    return made | ({"metadata": metadata} if metadata else {})


def _steps(flag: Flag, logic: JsonLogic) -> list[Any]:
    """Conditions, each with the variant behind it; the first that holds wins. Raises NotExported."""
    if flag.requires:
        raise NotExported(f"it requires {flag.requires[0].flag}, and a flag of flagd asks for no other")
    if flag.move:
        raise NotExported(f"its rollout {flag.move.rollout} is under way, and flagd draws users by another hash")
    if flag.held:
        raise NotExported("a holdout keeps some users back, and flagd draws users by another hash")
    if flag.split:
        raise NotExported("its default has weights, and flagd draws users by another hash")
    found: list[Any] = []
    for holds, variant in chain(_forced(flag, logic), _ruled(flag, logic)):
        if holds is not False:
            found += [holds, variant]
        if holds is True:
            break
    return found


def _forced(flag: Flag, logic: JsonLogic) -> Iterator[tuple[Logic, str]]:
    units: dict[str, list[str]] = {}
    for forced in flag.forced:
        units.setdefault(forced.variant, []).append(forced.unit)
    try:
        for variant, named in units.items():
            yield logic.units(named), variant
    except NotInJsonLogic as no:
        raise NotExported(f"its units: {no.reason}; {no.fix}") from None


def _ruled(flag: Flag, logic: JsonLogic) -> Iterator[tuple[Logic, str]]:
    for position, rule in enumerate(flag.rules):
        if rule.share:
            yield _rule(flag, position, rule, logic), rule.variant


def _rule(flag: Flag, position: int, rule: Rule, logic: JsonLogic) -> Logic:
    name = rule_name(flag, position)
    if rule.share != WHOLE:
        raise NotExported(f"{name} has a share of {percent(rule.share)}, and flagd draws users by another hash")
    try:
        return logic.condition(rule.condition)
    except NotInJsonLogic as no:
        raise NotExported(f"{name}, {no}; {no.fix}") from None
