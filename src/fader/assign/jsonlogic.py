"""A condition as JsonLogic (jsonlogic.com) with flagd's operations, or refused: never approximated.

As in `condition`, each expression is asked twice over, for when it is true and for when it is false; where CEL has an
error it is neither. In JsonLogic what is missing is null, and values are converted when they are compared. So `===`
stands for `==`, a part of a text is asked of texts alone (what begins with "" is a text), an order of numbers alone
(what `+` leaves as it is), and what is false is false of somebody who has the attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any as Value

from fader.assign import cel
from fader.assign.bucket import UNIT_BYTES
from fader.assign.cel import (
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
    asks,
    is_condition,
)
from fader.assign.cel_parser import parse
from fader.assign.condition import compile_condition
from fader.model.segment import Segment

#: So many comparisons may be made for one flag; a condition that is asked for twice is written twice.
MOST_COMPARED = 1_000
#: So many units may be listed for one flag: each is written out where it is asked for.
MOST_LISTED = 10_000
#: JavaScript holds whole numbers up to here.
EXACT = 2**53 - 1

#: Plain JSON.
Logic = Value
#: How flagd calls the unit.
KEY = "targetingKey"

_UNTRUE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "=="}
_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_ASKED = {"startsWith": "starts_with", "endsWith": "ends_with"}


class NotInJsonLogic(ValueError):
    """What JsonLogic cannot say. `position` counts characters of the condition from 1; `fix`: what to do instead."""

    def __init__(self, position: int, reason: str, fix: str) -> None:
        super().__init__(f"at character {position}: {reason}")
        self.position, self.reason, self.fix = position, reason, fix


class JsonLogic:
    """For all conditions of one flag, which have their bounds together. `notes`: where others may read an attribute in
    another way than fader does."""

    def __init__(self, segments: Mapping[str, Segment]) -> None:
        self._segments = segments
        self._compared = self._listed = 0
        self.notes: list[str] = []

    def condition(self, text: str) -> Logic:
        """When it is true. "" is always. Raises NotInJsonLogic, CelError for a condition that is not sound, KeyError
        for a segment that does not exist."""
        return self._is(True, parse(text)) if text else True

    def units(self, units: Iterable[str], at: int = 1) -> Logic:
        """Whether the unit is one of these. Raises NotInJsonLogic."""
        found = list(units)
        self._listed += len(found)
        if self._listed > MOST_LISTED:
            raise NotInJsonLogic(at, f"more than {MOST_LISTED:,} units are listed", "ask for them by a condition")
        return self._one_of(True, Attribute((), at), found)

    def _is(self, wanted: bool, e: Expression) -> Logic:
        if not asks(e):
            return compile_condition(e if wanted else Not(e), {})({}, "")
        match e:
            case Not(operand):
                return self._is(not wanted, operand)
            case cel.All(operands):
                return (_every if wanted else _some)(self._is(wanted, o) for o in operands)
            case cel.Any(operands):
                return (_some if wanted else _every)(self._is(wanted, o) for o in operands)
            case Choice(condition, then, otherwise):
                return self._chosen(condition, self._is(wanted, then), self._is(wanted, otherwise))
            case Attribute():
                return self._equal(True, e, wanted)
            case Call("has", Attribute() as attribute):
                return self._has(wanted, attribute)
            case Call("segment", Constant(str(name))):
                return self._segment(wanted, name, e.at)
            case Compare():
                return self._compare(e, e.operator if wanted else _UNTRUE[e.operator])
            case In(Attribute() as attribute, Items(values)):
                return self._one_of(wanted, attribute, values)
            case Ask(Attribute() as attribute, method, Constant(str(part))) if method != "matches":
                return self._ask(wanted, attribute, method, part, e.at)
        raise _refused(e)

    def _chosen(self, condition: Expression, then: Logic, otherwise: Logic) -> Logic:
        yes, no = self._is(True, condition), self._is(False, condition)
        return _some((_every((yes, then)), _every((no, otherwise))))

    def _has(self, wanted: bool, attribute: Attribute) -> Logic:
        if wanted:
            return self._there(attribute)
        if len(attribute.path) > 1:
            owner = ".".join(attribute.path[:-1])
            raise NotInJsonLogic(attribute.at, f"whether {owner} is an object cannot be asked", _ASIDE)
        return {"===": [self._var(attribute), None]}

    def _segment(self, wanted: bool, name: str, at: int) -> Logic:
        """Who is listed is in, whatever the condition says; without one, everybody else is out."""
        segment = self._segments[name]
        listed = self.units(segment.units, at)
        try:
            held = self._is(wanted, parse(segment.condition)) if segment.condition else not wanted
        except NotInJsonLogic as no:
            raise NotInJsonLogic(at, f"segment {name}, {no}", no.fix) from None
        return _some((listed, held)) if wanted else _every((_inverse(listed), held))

    def _compare(self, e: Compare, sign: str) -> Logic:
        left, right = e.left, e.right
        match left, right:
            case (Constant(), Attribute()) | (Call("semver", Constant()), _):
                left, right, sign = right, left, _MIRRORED[sign]
        match left, right:
            case Attribute() as attribute, Constant(value):
                if sign in ("==", "!="):
                    return self._equal(sign == "==", attribute, value)
                return self._ordered(attribute, sign, value, e.at)
            case Call("semver", Attribute() as attribute), Call("semver", Constant(str(version))):
                return self._version(attribute, sign, version)
            case Attribute(), Attribute():
                raise NotInJsonLogic(e.at, "two attributes are compared, and lists are never equal there", _ASIDE)
            case _ if is_condition(left) and is_condition(right) and sign in ("==", "!="):
                yes, no = self._is(sign == "==", right), self._is(sign != "==", right)
                return self._chosen(left, yes, no)
        raise _refused(e)

    def _equal(self, same: bool, attribute: Attribute, value: Value) -> Logic:
        return self._one_of(same, attribute, [value])

    def _one_of(self, wanted: bool, attribute: Attribute, values: Iterable[Value]) -> Logic:
        """Whether it is one of them; if it shall not be, it must be there. A unit is a text; nobody is ""."""
        var = self._var(attribute)
        asked = [value for value in values if attribute.path or isinstance(value, str)]
        for value in asked:
            _sound(attribute, value)
        if not attribute.path and "" in asked:
            asked.append(None)
        texts = [value for value in asked if isinstance(value, str)]
        others = [{"===": [var, value]} for value in asked if not isinstance(value, str)]
        several = [{"in": [var, texts]}] if len(texts) > 1 else [{"===": [var, text]} for text in texts]
        found = [*several, *others]
        if wanted:
            return _some(found)
        return _every((*([self._there(attribute)] if attribute.path else []), *map(_inverse, found)))

    def _ask(self, wanted: bool, attribute: Attribute, method: str, part: str, at: int) -> Logic:
        var = self._var(attribute)
        _sound(attribute, part)
        is_text: Logic = True
        if attribute.path:
            is_text = {"starts_with": [var, ""]}
        elif method != "startsWith":
            raise NotInJsonLogic(at, f"ids of more than {UNIT_BYTES} bytes are cut here, and not there", _ASIDE)
        if not part:  # which every text has, but for JsonLogic the empty one has no parts
            return _every((is_text, wanted))
        asked = {"in": [part, var]} if method == "contains" else {_ASKED[method]: [var, part]}
        if wanted:
            return _every((is_text, asked)) if method == "contains" else asked
        return _every((is_text, _inverse(asked)))

    def _ordered(self, attribute: Attribute, sign: str, value: Value, at: int) -> Logic:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise NotInJsonLogic(at, "only numbers have an order that all JsonLogic agrees on", _ASIDE)
        _sound(attribute, value)
        var = self._var(attribute)
        return {"and": [*number_guards(var), {sign: [var, value]}]}

    def _version(self, attribute: Attribute, sign: str, version: str) -> Logic:
        """What begins with a v is a version there, as is a number."""
        var = self._var(attribute)
        numbers, mark, rest = version.partition("-") if "-" in version.partition("+")[0] else version.partition("+")
        numbers += ".0" * (2 - numbers.count("."))
        name = ".".join(attribute.path) or cel.UNIT
        self.notes.append(f"a version in {name} of fewer than three numbers, such as 2.10, is none for some providers")
        plain = [_inverse({"starts_with": [var, v]}) for v in ("v", "V")]
        compared = {"sem_ver": [var, "=" if sign == "==" else sign, numbers + mark + rest]}
        return {"and": [{"starts_with": [var, ""]}, *plain, compared]}

    def _there(self, attribute: Attribute) -> Logic:
        return {"!==": [self._var(attribute), None]}

    def _var(self, attribute: Attribute) -> Logic:
        self._compared += 1
        if self._compared > MOST_COMPARED:
            reason = f"the conditions of the flag make more than {MOST_COMPARED:,} comparisons"
            raise NotInJsonLogic(attribute.at, reason, "write simpler ones")
        for step in attribute.path:
            if not step or "." in step or step.isdigit() or step in _TAKEN:
                raise NotInJsonLogic(attribute.at, f'"{step}" names something else there', "rename the attribute")
        if attribute.path[:1] in ((KEY,), ("$flagd",)):
            raise NotInJsonLogic(attribute.at, f"{attribute.path[0]} is flagd's own word", "rename the attribute")
        return {"var": ".".join(attribute.path) or KEY}


def number_guards(var: Logic) -> list[Logic]:
    """That it is a number: no text, as some evaluators refuse to convert one, and what it is when converted."""
    return [{"!": [{"starts_with": [var, ""]}]}, {"===": [{"+": [var]}, var]}]


_ASIDE = "pass what is asked for as an attribute of its own"
#: What JavaScript finds in lists, texts and every object.
_TAKEN = frozenset({"length", "__proto__"})


def _every(operands: Iterable[Logic]) -> Logic:
    return _joined("and", operands, decides=False)


def _some(operands: Iterable[Logic]) -> Logic:
    return _joined("or", operands, decides=True)


def _joined(word: str, operands: Iterable[Logic], decides: bool) -> Logic:
    """Without what decides nothing, and without `and` in `and`."""
    found: list[Logic] = []
    for operand in operands:
        if operand is decides:
            return decides
        if operand is not (not decides):
            found += operand.get(word, [operand])
    return not decides if not found else found[0] if len(found) == 1 else {word: found}


def _inverse(logic: Logic) -> Logic:
    if isinstance(logic, bool):
        return not logic
    ((word, arguments),) = logic.items()
    if word == "or":
        return _every(map(_inverse, arguments))
    return {"!==": arguments} if word == "===" else {"!": [logic]}


def _sound(attribute: Attribute, value: Value) -> None:
    if isinstance(value, str):
        if not attribute.path and len(value.encode()) >= UNIT_BYTES:
            reason = f"a unit is cut at {UNIT_BYTES} bytes here, and not there"
            raise NotInJsonLogic(attribute.at, reason, "ask for a shorter one")
    elif not isinstance(value, bool) and abs(value) > EXACT:
        raise NotInJsonLogic(attribute.at, f"{value} is no exact number in JavaScript", "write it as a text")


def _refused(e: Expression) -> NotInJsonLogic:
    match e:
        case Ask(_, "matches"):
            what, fix = "JsonLogic has no patterns", "write startsWith, endsWith or contains"
        case Ask():
            what, fix = "only an attribute is asked for a part of it, and only for a constant one", _ASIDE
        case In(_, Call("cidr")):
            what, fix = "JsonLogic has no networks", _ASIDE
        case In(_, Attribute(path)):
            what, fix = f"{'.'.join(path)} may be an object, whose keys JsonLogic does not look up", _ASIDE
        case Compare(Call("timestamp"), _) | Compare(_, _, Call("timestamp")):
            what, fix = "JsonLogic has no moments", "pass seconds, and compare them as numbers"
        case _:
            what, fix = "it compares something else than an attribute with a constant", _ASIDE
    return NotInJsonLogic(e.at, what, fix)
