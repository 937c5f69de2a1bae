"""A flag as a gateway can decide it: an ordered list of cases over the unit alone.

A gateway knows the unit and no attributes. What it answers must be what `evaluate` answers, for every unit and for
requests without one; a flag of which that is not certain is refused with the reason, and never approximated.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from fader.assign.bucket import seed
from fader.assign.cel import UNIT, All, Any, Attribute, Call, Compare, Constant, Expression, In, Items, parts
from fader.assign.cel_parser import parse
from fader.model.flag import Flag
from fader.model.segment import Segment
from fader.model.share import WHOLE

#: So many units may be named for one flag, in its `units` and by the conditions of its rules: a gateway compares them
#: one by one with every request.
MOST_NAMED = 100


@dataclass(frozen=True, slots=True)
class Case:
    """The listed `units` get `variant`; None is everybody. With a `rule` only its share of them, drawn by the bucket
    under `seed`; the rest goes on to the next case. A request without a unit is in no share and no list."""

    variant: str
    units: tuple[str, ...] | None = None
    rule: str = ""
    seed: int = 0


class NotAtGateway(ValueError):
    """A flag that a gateway cannot decide. `where` is the place below the flag in `fader.yaml`."""

    def __init__(self, where: tuple[str | int, ...], reason: str, fix: str) -> None:
        super().__init__(reason)
        self.where, self.reason, self.fix = where, reason, fix


def cases(flag: Flag, segments: Mapping[str, Segment]) -> tuple[Case, ...]:
    """What an enabled flag gives, in order; who is in no case gets its default.

    Raises NotAtGateway, CelError for a condition that is not sound, KeyError for a segment that does not exist.
    """
    if flag.move:
        raise NotAtGateway((), f"rollout {flag.move.rollout} moves it", "ask by the SDK or OFREP while it runs")
    if flag.requires:
        raise NotAtGateway(("requires",), "it depends on another flag", "write its rules here too")
    found = [Case(variant, units) for variant, units in _forced(flag)]
    for position, rule in enumerate(flag.rules):
        at = ("rules", position, "when")
        units = tuple(sorted(_listed(parse(rule.condition), segments, at))) if rule.condition else None
        drawn = (rule.name, seed(flag.salt(rule))) if rule.share < WHOLE else ("", 0)
        if units != ():
            found.append(Case(rule.variant, units, *drawn))
    if (named := sum(len(case.units or ()) for case in found)) > MOST_NAMED:
        reason = f"it names {named:,} units, and the gateway takes at most {MOST_NAMED}"
        raise NotAtGateway((), reason, "draw them by a share, or name fewer")
    return tuple(found)


def _forced(flag: Flag) -> Iterable[tuple[str, tuple[str, ...]]]:
    by_variant: dict[str, list[str]] = {}
    for forced in flag.forced:
        by_variant.setdefault(forced.variant, []).append(forced.unit)
    return ((variant, tuple(units)) for variant, units in by_variant.items())


def _listed(expression: Expression, segments: Mapping[str, Segment], at: tuple[str | int, ...]) -> frozenset[str]:
    """The units for whom a condition holds, where they can be listed. Lists, joined by `||` and `&&`, say nothing of
    anybody else; a `!` would, and of requests without a unit too."""
    match expression:
        case Call("segment", Constant(str(name))):
            segment = segments[name]
            listed = frozenset(segment.units)
            try:
                return listed | _listed(parse(segment.condition), segments, at) if segment.condition else listed
            except NotAtGateway as refusal:
                reason = f"at character {expression.at}: segment {name} is more than a list of units"
                raise NotAtGateway(at, reason, refusal.fix) from None
        case Compare(Attribute(path), "==", Constant(str(unit))) if not path and unit:
            return frozenset((unit,))
        case Compare(Constant(str(unit)), "==", Attribute(path)) if not path and unit:
            return frozenset((unit,))
        case In(Attribute(path), Items(values)) if not path and all(isinstance(v, str) and v for v in values):
            return frozenset(map(str, values))
        case Any(operands):
            return frozenset().union(*(_listed(o, segments, at) for o in operands))
        case All(operands):
            first, *rest = (_listed(o, segments, at) for o in operands)
            return first.intersection(*rest)
    asked = next(_attributes(expression), "")
    what = f"{asked}, which a gateway does not know" if asked else "this, which a gateway cannot decide"
    reason = f"at character {expression.at}: it asks for {what}"
    raise NotAtGateway(at, reason, f'it can decide segment("NAME") of listed units, {UNIT} == "ID", || and &&')


def _attributes(expression: Expression) -> Iterator[str]:
    if isinstance(expression, Attribute) and expression.path:
        yield ".".join(expression.path)
    for part in parts(expression):
        yield from _attributes(part)
