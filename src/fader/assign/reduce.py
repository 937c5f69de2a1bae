"""A condition reduced to what a gateway can test, or refused: never approximated.

As in `condition`, each expression is asked twice over, for when it is true and for when it is false; where CEL has an
error it is neither. What a gateway knows are texts, so an attribute of a request is never of another type, and what
is empty counts as missing. The unit alone is never missing: nobody is the empty text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fader.assign.bucket import UNIT_BYTES
from fader.assign.cel import (
    All,
    Any,
    Ask,
    Attribute,
    Call,
    Choice,
    Compare,
    Constant,
    Expression,
    In,
    Items,
    Not,
)
from fader.assign.cel_parser import parse
from fader.assign.pattern import Pattern
from fader.assign.predicate import (
    EVERYBODY,
    NOBODY,
    Compared,
    How,
    Listed,
    Predicate,
    Present,
    every,
    inverse,
    some,
)
from fader.assign.request import Unreachable, text_of
from fader.model.request import RequestAttribute, RequestText
from fader.model.segment import Segment

#: So many comparisons may be made for one flag or one audience: a gateway makes them one by one with every request.
MOST_COMPARED = 100

#: So many units may be in the list of a segment: each gateway holds all of them in its routes.
MOST_LISTED = 5_000
#: A list up to here is compared one by one, which costs less than a table.
FEW = 20

CAN = '==, !=, in [...], startsWith, endsWith, contains, matches, has, segment("NAME"), !, &&, || and ? :'

Location = tuple[str | int, ...]
_HOW: dict[str, How] = {"startsWith": "begins", "endsWith": "ends", "contains": "contains", "matches": "matches"}


class NotAtGateway(ValueError):
    """What a gateway cannot decide. `where` is the place below the flag or rollout in `fader.yaml`."""

    def __init__(self, where: Location, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.where, self.reason, self.fix = where, reason, fix


class Reducer:
    """For all conditions of one flag or audience: their comparisons have one bound together. `attributes`: those of the
    service whose requests are looked at."""

    def __init__(self, segments: Mapping[str, Segment], attributes: Sequence[RequestAttribute] = ()) -> None:
        self._segments, self._attributes = segments, attributes
        self._compared = 0

    def condition(self, text: str, where: Location = ()) -> Predicate:
        """When it is true. "" is always. Raises NotAtGateway, CelError for a condition that is not sound, KeyError for
        a segment that does not exist."""
        return self._is(True, parse(text), where) if text else EVERYBODY

    def units(self, units: Iterable[str], where: Location = ()) -> Predicate:
        return self._one_of(RequestText("unit"), list(units), where)

    def _is(self, wanted: bool, expression: Expression, where: Location) -> Predicate:
        match expression:
            case Constant(bool(value)):
                return EVERYBODY if value is wanted else NOBODY
            case Not(operand):
                return self._is(not wanted, operand, where)
            case All(operands):
                return (every if wanted else some)(self._is(wanted, o, where) for o in operands)
            case Any(operands):
                return (some if wanted else every)(self._is(wanted, o, where) for o in operands)
            case Choice(condition, then, otherwise):
                self._count(where)  # asks twice for its condition: nested ones for thousands
                first = every((self._is(True, condition, where), self._is(wanted, then, where)))
                return some((first, every((self._is(False, condition, where), self._is(wanted, otherwise, where)))))
            case Call("has", Attribute() as attribute):
                self._count(where)
                there = Present(self._text(attribute, where))
                return there if wanted else inverse(there)
            case Call("segment", Constant(str(name))):
                return self._segment(wanted, name, expression.at, where)
            case Compare(Attribute() as attribute, "==" | "!=" as sign, Constant() as constant) | Compare(
                Constant() as constant, "==" | "!=" as sign, Attribute() as attribute
            ):
                text = self._text(attribute, where)
                what = self._constant(attribute, constant.value, expression.at, where)
                found = self._one_of(text, [what], where)
                return _asked(wanted is (sign == "=="), text, found, of_nothing=not what)
            case In(Attribute() as attribute, Items(values)):
                text = self._text(attribute, where)
                wants = [self._constant(attribute, value, expression.at, where) for value in values]
                return _asked(wanted, text, self._one_of(text, wants, where), of_nothing="" in wants)
            case Ask(Attribute() as attribute, method, Constant(str(what))):
                text = self._text(attribute, where)
                if not what:
                    return _asked(wanted, text, Present(text), of_nothing=True)
                of_nothing = method == "matches" and Pattern(what).found_in("")
                return _asked(wanted, text, self._compared_to(text, _HOW[method], what, where), of_nothing)
        raise _refused(expression, where)

    def _text(self, attribute: Attribute, where: Location) -> RequestText:
        try:
            return text_of(attribute.path, self._attributes)
        except Unreachable as no:
            raise NotAtGateway(where, f"at character {attribute.at}: {no.reason}", no.fix) from None

    def _constant(self, attribute: Attribute, value: object, at: int, where: Location) -> str:
        if isinstance(value, str):
            return value
        name, written = ".".join(attribute.path), str(value).lower() if isinstance(value, bool) else str(value)
        reason = f"at character {at}: {name} is a text in a request, and never {written}"
        raise NotAtGateway(where, reason, f'write "{written}" in quotes, or ask for it by the SDK')

    def _one_of(self, text: RequestText, wants: list[str], where: Location) -> Predicate:
        return some(self._compared_to(text, "is", what, where) for what in dict.fromkeys(wants) if what)

    def _count(self, where: Location) -> None:
        self._compared += 1
        if self._compared > MOST_COMPARED:
            reason = f"it takes more than {MOST_COMPARED} comparisons, the most that the gateway makes"
            raise NotAtGateway(where, reason, "draw units by a share, or list them in a segment")

    def _compared_to(self, text: RequestText, how: How, what: str, where: Location) -> Predicate:
        self._count(where)
        if text.kind == "unit" and how == "is" and len(what.encode()) > UNIT_BYTES:
            return NOBODY  # ids are cut
        return Compared(text, how, what)

    def _segment(self, wanted: bool, name: str, at: int, where: Location) -> Predicate:
        """Who is listed is in, whatever the condition says; without one, everybody else is out."""
        segment = self._segments[name]
        listed = self._listed(segment, at, where)
        try:
            if wanted:
                return some((listed, self._is(True, parse(segment.condition), where))) if segment.condition else listed
            out = self._is(False, parse(segment.condition), where) if segment.condition else EVERYBODY
        except NotAtGateway as no:
            raise NotAtGateway(where, f"at character {at}: segment {name}: {no.reason}", no.fix) from None
        return every((inverse(listed), out))

    def _listed(self, segment: Segment, at: int, where: Location) -> Predicate:
        count = len(segment.units)
        if count <= FEW:
            return self._one_of(RequestText("unit"), list(segment.units), where)
        self._count(where)
        if count > MOST_LISTED:
            reason = f"segment {segment.name} lists {count:,} units, and the gateway takes at most {MOST_LISTED:,}"
            raise NotAtGateway(where, f"at character {at}: {reason}", "draw units by a share, or ask for it by the SDK")
        return Listed(segment.name)


def _asked(wanted: bool, text: RequestText, found: Predicate, of_nothing: bool) -> Predicate:
    """Whether `found` holds, or whether it does not though there is a text. `of_nothing`: what holds of the empty text,
    which is a unit that is nobody."""
    if text.kind != "unit":
        return found if wanted else every((Present(text), inverse(found)))
    yes = some((found, inverse(Present(text)))) if of_nothing else found
    return yes if wanted else inverse(yes)


def _refused(expression: Expression, where: Location) -> NotAtGateway:
    fix = f"a gateway compares texts: {CAN}"
    match expression:
        case Attribute(path):
            what = f"{'.'.join(path)} alone is true or false, and a request holds texts"
            return NotAtGateway(where, f"at character {expression.at}: {what}", f'write {".".join(path)} == "true"')
        case Compare(_, "<" | "<=" | ">" | ">="):
            what = "it compares by order"
        case In(_, Call("cidr")):
            what = "it asks for a network"
        case In():
            what = "it looks into what is no list in the condition"
        case _:
            what = "it is more than comparisons of an attribute with a text"
    return NotAtGateway(where, f"at character {expression.at}: {what}, which a gateway cannot decide", fix)
