"""Conditions: a documented subset of CEL, the Common Expression Language, as a syntax tree.

    condition  = choice
    choice     = or [ "?" or ":" choice ]
    or         = and { "||" and }
    and        = relation { "&&" relation }
    relation   = unary { ("==" | "!=" | "<" | "<=" | ">" | ">=" | "in") unary }
    unary      = { "!" } member | "-" NUMBER
    member     = primary { "." NAME | "[" TEXT "]" | "." METHOD "(" unary ")" }
    primary    = TEXT | NUMBER | "true" | "false" | list | NAME | FUNCTION "(" unary ")" | "(" choice ")"
    list       = "[" [ literal { "," literal } ] "]"

What a condition means is what CEL says, with one addition: an attribute that is null counts as missing. In CEL a
missing attribute, or one of the wrong type, is an error, and an error makes the whole condition one unless `&&` or
`||` is decided without it. An error never matches, so neither `country == "US"` nor `country != "US"` holds for
somebody whose country is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Operator = Literal["==", "!=", "<", "<=", ">", ">="]
Method = Literal["startsWith", "endsWith", "contains", "matches"]
Function = Literal["semver", "timestamp", "cidr", "segment", "has"]

#: The name by which a condition reaches all attributes, for those that are no names: `context["custom-plan"]`.
ROOT = "context"
#: The name of the unit itself.
UNIT = "unit"


class CelError(ValueError):
    """A condition that is not sound. `position` counts characters from 1; `fix` says what to write instead."""

    def __init__(self, position: int, message: str, fix: str) -> None:
        super().__init__(f"at character {position}: {message}")
        self.position, self.message, self.fix = position, message, fix


@dataclass(frozen=True, slots=True)
class Constant:
    value: bool | str | int | float
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Items:
    values: tuple[bool | str | int | float, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Attribute:
    """`device.os` is ("device", "os"); () is the unit itself."""

    path: tuple[str, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one argument."""

    function: Function
    argument: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A method of a text, e.g. `email.endsWith("@example.com")`."""

    receiver: Expression
    method: Method
    argument: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Compare:
    left: Expression
    operator: Operator
    right: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class In:
    item: Expression
    container: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    operand: Expression
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class All:
    """Joined by `&&`."""

    operands: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Any:
    """Joined by `||`."""

    operands: tuple[Expression, ...]
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Choice:
    condition: Expression
    then: Expression
    otherwise: Expression
    at: int = field(default=0, compare=False)


Expression = Constant | Items | Attribute | Call | Ask | Compare | In | Not | All | Any | Choice


def parts(expression: Expression) -> tuple[Expression, ...]:
    """What an expression is made of, one level down."""
    match expression:
        case Constant() | Items() | Attribute():
            return ()
        case Call():
            return (expression.argument,)
        case Ask():
            return (expression.receiver, expression.argument)
        case Compare():
            return (expression.left, expression.right)
        case In():
            return (expression.item, expression.container)
        case Not():
            return (expression.operand,)
        case All() | Any():
            return expression.operands
        case Choice():
            return (expression.condition, expression.then, expression.otherwise)


def asks(expression: Expression) -> bool:
    """Whether it depends on who is asked about."""
    segment = isinstance(expression, Call) and expression.function == "segment"
    return segment or isinstance(expression, Attribute) or any(map(asks, parts(expression)))


def is_condition(expression: Expression) -> bool:
    """Whether it is true, false or an error, and never anything else; an attribute may be anything."""
    if isinstance(expression, Constant):
        return isinstance(expression.value, bool)
    if isinstance(expression, Call):
        return expression.function in ("has", "segment")
    if isinstance(expression, Choice):
        return is_condition(expression.then) and is_condition(expression.otherwise)
    return not isinstance(expression, Attribute | Items)


def segments_of(expression: Expression) -> tuple[tuple[str, int], ...]:
    """The segments that a condition names, each with its position."""
    if isinstance(expression, Call) and expression.function == "segment":
        assert isinstance(expression.argument, Constant)  # noqa: S101 - the parser has seen to it
        return ((str(expression.argument.value), expression.argument.at),)
    return tuple(found for part in parts(expression) for found in segments_of(part))
