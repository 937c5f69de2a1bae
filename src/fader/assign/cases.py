"""A flag as a gateway can decide it: an ordered list of cases over the unit and the texts of a request.

What it answers must be what `evaluate` answers, for every unit and for requests without one; a flag of which that is
not certain is refused with the reason, and never approximated.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from fader.assign.bucket import seed
from fader.assign.predicate import EVERYBODY, NOBODY, Predicate
from fader.assign.reduce import Reducer
from fader.model.flag import Flag, Move
from fader.model.request import RequestAttribute
from fader.model.segment import Segment
from fader.model.share import WHOLE, Draw, Interval


@dataclass(frozen=True, slots=True)
class Case:
    """Those for whom it `holds` get `variant`. With a `rule` only its share of them, drawn by the bucket under `seed`;
    with a `rollout` only those whose bucket under `seed` it has given the variant, or, of its `rest`, whoever comes so
    far; of these, those that are `within` all draws and `without` any. The rest goes on to the next case. A request
    without a unit is in no share and in no rollout."""

    variant: str
    holds: Predicate = EVERYBODY
    rule: str = ""
    seed: int = 0
    rollout: str = ""
    within: tuple[Draw, ...] = ()
    without: tuple[Draw, ...] = ()
    rest: bool = False


def cases(flag: Flag, segments: Mapping[str, Segment], attributes: Sequence[RequestAttribute] = ()) -> tuple[Case, ...]:
    """What an enabled flag gives where all that it requires is met, in order; who is in no case gets its default.
    `attributes`: those of the service that sends it.

    Raises NotAtGateway, CelError for a condition that is not sound, KeyError for a segment that does not exist.
    """
    reducer = Reducer(segments, attributes)
    found = [Case(variant, reducer.units(units, ("units",))) for variant, units in _forced(flag)]
    for position, rule in enumerate(flag.rules):
        holds = reducer.condition(rule.condition, ("rules", position, "when"))
        drawn = (rule.name, seed(flag.salt(rule))) if rule.share < WHOLE else ("", 0)
        if holds != NOBODY:
            found.append(Case(rule.variant, holds, *drawn))
    found += [Case(held.variant, within=(held.draw,)) for held in flag.held]
    if move := flag.move:
        holds, within = reducer.condition(move.audience), (move.layer,) if move.layer else ()
        if holds != NOBODY:
            salt = seed(move.salt)
            found += [Case(v, holds, "", salt, move.rollout, within, move.holdouts) for v, _ in move.arms]
            found.append(Case(flag.default, holds, "", salt, move.rollout, within, move.holdouts, rest=True))
    found += [Case(piece.variant, within=(Draw(flag.split_salt, piece.interval),)) for piece in flag.split]
    return tuple(found)


def moved(flag: Flag, audience: str) -> Flag:
    """The flag as it would be with a rollout for this audience: can a gateway decide that?"""
    return replace(flag, move=Move("", flag.default, "", Interval(0, 0), audience=audience))


def in_order(names: Iterable[str], flags: Mapping[str, Flag]) -> tuple[str, ...]:
    """These flags and all that they require, each behind what it requires. Those that do not exist are left out, and a
    circle, which `fader.yaml` is refused for, is cut somewhere."""
    seen: set[str] = set()
    found: list[str] = []

    def visit(name: str) -> None:
        if name in flags and name not in seen:
            seen.add(name)
            for required in flags[name].requires:
                visit(required.flag)
            found.append(name)

    for name in names:
        visit(name)
    return tuple(found)


def _forced(flag: Flag) -> Iterable[tuple[str, tuple[str, ...]]]:
    by_variant: dict[str, list[str]] = {}
    for forced in flag.forced:
        by_variant.setdefault(forced.variant, []).append(forced.unit)
    return ((variant, tuple(units)) for variant, units in by_variant.items())
