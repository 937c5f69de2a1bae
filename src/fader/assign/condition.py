"""A condition's syntax tree to Python closures.

Each condition is compiled twice over: to "it is true" and to "it is false". Where CEL has an error, both are False.
That carries CEL's three values without ever handling a third: `!` swaps the two, `&&` is true when all parts are and
false when one is, `||` the other way round.

What is chosen by and what is compared may be conditions themselves, in many levels. Asked twice at each, fifty levels
would take for ever, so these are compiled to one function of the three values.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any as Value

from fader.assign import cel
from fader.assign.bucket import cut
from fader.assign.cel import Ask, Attribute, Call, Choice, Compare, Constant, Expression, In, Items, Not, parts
from fader.assign.moment import nanoseconds
from fader.assign.pattern import Pattern
from fader.assign.semver import precedence

Attributes = Mapping[str, Value]
#: Whether it holds for somebody with these attributes and this unit.
Condition = Callable[[Attributes, str], bool]
#: What an expression yields; None where CEL has an error: something is missing, or of the wrong type.
Getter = Callable[[Attributes, str], Value]
#: Of a segment: whether somebody is known to be in it, and whether known not to be.
Membership = tuple[Condition, Condition]
#: The segments by name; looked up when asked, so that they may be compiled in any order.
Segments = Mapping[str, Membership]

_ORDERS: dict[str, Callable[[Value, Value], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ASKS: dict[str, Callable[[str, str], bool]] = {
    "startsWith": str.startswith,
    "endsWith": str.endswith,
    "contains": str.__contains__,
}


def always(_attributes: Attributes, _unit: str) -> bool:
    return True


def compile_condition(expression: Expression, segments: Segments) -> Condition:
    """Whether the condition is true. The closure raises KeyError for a segment that does not exist."""
    return _is(True, expression, segments)


def compile_segment(expression: Expression | None, units: frozenset[str], segments: Segments) -> Membership:
    """Who is listed is in, whatever the condition says; without one, everybody else is out."""
    if expression is None:
        return lambda a, u: cut(u) in units, lambda a, u: cut(u) not in units
    yes, no = _is(True, expression, segments), _is(False, expression, segments)
    return lambda a, u: cut(u) in units or yes(a, u), lambda a, u: cut(u) not in units and no(a, u)


def _is(wanted: bool, expression: Expression, segments: Segments) -> Condition:
    """Whether the expression is true, or whether it is false."""
    match expression:
        case Constant(value):
            return always if value is wanted else _never
        case Not(operand):
            return _is(not wanted, operand, segments)
        case cel.All(operands):
            parts = [_is(wanted, o, segments) for o in operands]
            return _every(parts) if wanted else _some(parts)
        case cel.Any(operands):
            parts = [_is(wanted, o, segments) for o in operands]
            return _some(parts) if wanted else _every(parts)
        case Choice(condition, then, otherwise):
            decide = _truth(condition, segments)
            first, second = _is(wanted, then, segments), _is(wanted, otherwise, segments)

            def chosen(a: Attributes, u: str) -> bool:
                way = decide(a, u)
                return first(a, u) if way else second(a, u) if way is False else False

            return chosen
        case Compare() | In() if _nested(expression):
            truth = _truth(expression, segments)
            return lambda a, u: truth(a, u) is wanted
        case Compare():
            return _compare(wanted, expression, segments)
        case In():
            return _in(wanted, expression, segments)
        case Ask():
            return _ask(wanted, expression, segments)
        case Call("has", Attribute(path)):
            return _has(wanted, path)
        case Call("segment", Constant(name)):
            return _in_segment(str(name), 0 if wanted else 1, segments)
        case _:
            get = _getter(expression, segments)
            return lambda a, u: get(a, u) is wanted


def _in_segment(name: str, half: int, segments: Segments) -> Condition:
    def known(a: Attributes, u: str) -> bool:
        return segments[name][half](a, u)

    return known


def _never(_attributes: Attributes, _unit: str) -> bool:
    return False


def _every(parts: list[Condition]) -> Condition:
    if len(parts) == 2:
        first, second = parts
        return lambda a, u: first(a, u) and second(a, u)
    return lambda a, u: all(part(a, u) for part in parts)


def _some(parts: list[Condition]) -> Condition:
    if len(parts) == 2:
        first, second = parts
        return lambda a, u: first(a, u) or second(a, u)
    return lambda a, u: any(part(a, u) for part in parts)


def _getter(expression: Expression, segments: Segments) -> Getter:
    match expression:
        case Constant(value):
            return lambda a, u: value
        case Items(values):
            return lambda a, u: values
        case Attribute(()):
            return lambda a, u: cut(u)
        case Attribute((name,)):
            return lambda a, u: a.get(name)
        case Attribute(path):
            return lambda a, u: _deep(a, path)
        case Call("semver", argument):
            return _converted(_version, argument, segments)
        case Call("timestamp", argument):
            return _converted(nanoseconds, argument, segments)
        case Choice(condition, then, otherwise):
            decide = _truth(condition, segments)
            first, second = _getter(then, segments), _getter(otherwise, segments)

            def chosen(a: Attributes, u: str) -> Value:
                way = decide(a, u)
                return first(a, u) if way else second(a, u) if way is False else None

            return chosen
        case _:
            return _truth(expression, segments)


def _truth(expression: Expression, segments: Segments) -> Getter:
    """True, False, or None where CEL has an error. Of what an expression is made of, nothing is asked more than once
    but what has no parts that are conditions."""
    match expression:
        case Not(operand):
            truth = _truth(operand, segments)
            return lambda a, u: None if (value := truth(a, u)) is None else not value
        case cel.All(operands) | cel.Any(operands):
            return _joined(isinstance(expression, cel.Any), [_truth(o, segments) for o in operands])
        case Choice():
            chosen = _getter(expression, segments)
            return lambda a, u: value if (value := chosen(a, u)) is True or value is False else None
        case Compare(left, sign, right) if _nested(expression):
            x, y = _getter(left, segments), _getter(right, segments)
            return _compared(sign, x, y)
        case In(item, container) if _nested(expression):
            one, within = _getter(item, segments), _getter(container, segments)

            def held(a: Attributes, u: str) -> Value:
                return _held(one(a, u), within(a, u))

            return held
        case _:
            yes, no = _is(True, expression, segments), _is(False, expression, segments)
            return lambda a, u: True if yes(a, u) else False if no(a, u) else None


def _nested(expression: Expression) -> bool:
    """Whether a part of it is a condition that has parts itself."""
    return any(not isinstance(part, Constant | Items | Attribute | Call) for part in parts(expression))


def _joined(decisive: bool, parts: list[Getter]) -> Getter:
    """`decisive`: what one part makes of the whole: true for `||`."""

    def joined(a: Attributes, u: str) -> Value:
        found: Value = not decisive
        for part in parts:
            value = part(a, u)
            if value is decisive:
                return decisive
            found = found if value is not None else None
        return found

    return joined


def _compared(sign: str, left: Getter, right: Getter) -> Getter:
    """Of conditions: true and false have an order too, as in CEL."""

    def compared(a: Attributes, u: str) -> Value:
        x, y = left(a, u), right(a, u)
        if x is None or y is None:
            return None
        if sign in ("==", "!="):
            return _equal(x, y) is (sign == "==")
        return _ORDERS[sign](x, y) if _comparable(x, y) else None

    return compared


def _held(value: Value, container: Value) -> bool | None:
    if value is None or not isinstance(container, list | tuple | Mapping):
        return None
    return any(_equal(value, one) for one in container)


def _deep(attributes: Attributes, path: tuple[str, ...]) -> Value:
    found: Value = attributes
    for name in path:
        if not isinstance(found, Mapping):
            return None
        found = found.get(name)
    return found


@lru_cache(maxsize=4096)
def _precedence(text: str) -> Value:
    return precedence(text)


def _version(value: Value) -> Value:
    return _precedence(value) if isinstance(value, str) else None


def _converted(convert: Callable[[Value], Value], argument: Expression, segments: Segments) -> Getter:
    if isinstance(argument, Constant):
        constant = convert(argument.value)
        return lambda a, u: constant
    get = _getter(argument, segments)
    return lambda a, u: convert(get(a, u))


def _compare(wanted: bool, expression: Compare, segments: Segments) -> Condition:
    sign = expression.operator
    if sign in ("==", "!="):
        return _equality(wanted is (sign == "=="), expression, segments)
    left, right = _getter(expression.left, segments), _getter(expression.right, segments)
    order = _ORDERS[sign]
    if isinstance(expression.left, Call):  # versions or moments, on both sides

        def special(a: Attributes, u: str) -> bool:
            x, y = left(a, u), right(a, u)
            return x is not None and y is not None and order(x, y) is wanted

        return special

    def ordered(a: Attributes, u: str) -> bool:
        x, y = left(a, u), right(a, u)
        return _comparable(x, y) and order(x, y) is wanted

    return ordered


def _equality(same: bool, expression: Compare, segments: Segments) -> Condition:
    sides = [expression.left, expression.right]
    texts = [s.value for s in sides if isinstance(s, Constant) and isinstance(s.value, str)]
    names = [s.path[0] for s in sides if isinstance(s, Attribute) and len(s.path) == 1]
    if texts and names:  # by far the most frequent one, and a text equals nothing but texts
        text, name = texts[0], names[0]
        if same:
            return lambda a, u: a.get(name) == text

        def differs(a: Attributes, u: str) -> bool:
            value = a.get(name)
            return value is not None and value != text

        return differs
    left, right = _getter(sides[0], segments), _getter(sides[1], segments)

    def compared(a: Attributes, u: str) -> bool:
        x, y = left(a, u), right(a, u)
        return x is not None and y is not None and _equal(x, y) is same

    return compared


def _equal(x: Value, y: Value) -> bool:
    """CEL's equality: numbers of all kinds compare, and true is not 1 as it is in Python."""
    if isinstance(x, bool) or isinstance(y, bool):
        return x is y
    if isinstance(x, list | tuple) and isinstance(y, list | tuple):
        return len(x) == len(y) and all(map(_equal, x, y))
    if isinstance(x, Mapping) and isinstance(y, Mapping):
        return x.keys() == y.keys() and all(_equal(value, y[key]) for key, value in x.items())
    return bool(x == y)


def _comparable(x: Value, y: Value) -> bool:
    if isinstance(x, bool) or isinstance(y, bool):
        return isinstance(x, bool) and isinstance(y, bool)
    if isinstance(x, int | float):
        return isinstance(y, int | float)
    return isinstance(x, str) and isinstance(y, str)


def _in(wanted: bool, expression: In, segments: Segments) -> Condition:
    get = _getter(expression.item, segments)
    container = expression.container
    if isinstance(container, Call) and isinstance(container.argument, Constant):
        return _in_network(wanted, get, str(container.argument.value))
    if isinstance(container, Items) and all(isinstance(v, str) for v in container.values):
        texts = frozenset(container.values)

        def listed(a: Attributes, u: str) -> bool:
            value = get(a, u)
            return (value in texts) is wanted if isinstance(value, str) else value is not None and not wanted

        return listed
    within = _getter(container, segments)

    return lambda a, u: _held(get(a, u), within(a, u)) is wanted


def _in_network(wanted: bool, get: Getter, text: str) -> Condition:
    network = ip_network(text)

    def inside(a: Attributes, u: str) -> bool:
        value = get(a, u)
        if not isinstance(value, str):
            return False
        try:
            return (ip_address(value) in network) is wanted
        except ValueError:
            return False

    return inside


def _ask(wanted: bool, expression: Ask, segments: Segments) -> Condition:
    receiver, argument = _getter(expression.receiver, segments), _getter(expression.argument, segments)
    if expression.method == "matches":
        found_in = Pattern(str(argument({}, ""))).found_in

        def matched(a: Attributes, u: str) -> bool:
            text = receiver(a, u)
            return isinstance(text, str) and found_in(text) is wanted

        return matched
    ask = _ASKS[expression.method]

    def asked(a: Attributes, u: str) -> bool:
        text, part = receiver(a, u), argument(a, u)
        return isinstance(text, str) and isinstance(part, str) and ask(text, part) is wanted

    return asked


def _has(wanted: bool, path: tuple[str, ...]) -> Condition:
    above, name = path[:-1], path[-1]

    def has(a: Attributes, u: str) -> bool:
        owner = _deep(a, above)
        return isinstance(owner, Mapping) and (owner.get(name) is not None) is wanted

    return has
