"""A condition in words: `country is "US" and they are in the segment beta`. Pure; for people, never for deciding."""

from __future__ import annotations

import json

from fader.assign import cel
from fader.assign.cel import Ask, Attribute, Call, Choice, Compare, Constant, Expression, In, Items, Not
from fader.assign.cel_parser import parse

_COMPARED = {"==": "is", "!=": "is not", "<": "is below", "<=": "is at most", ">": "is above", ">=": "is at least"}
_ASKED = {
    "startsWith": "starts with",
    "endsWith": "ends with",
    "contains": "contains",
    "matches": "matches the pattern",
}


def in_words(condition: str) -> str:
    """`condition` as the file has it; "" is everybody. Raises CelError for one that is not sound."""
    return _said(parse(condition)) if condition else "everybody"


def _said(e: Expression) -> str:
    match e:
        case Constant(value):
            return "always" if value is True else "never" if value is False else _term(e)
        case Attribute():
            return f"{_term(e)} is true"
        case Call("segment", Constant(name)):
            return f"they are in the segment {name}"
        case Call("has", argument):
            return f"{_term(argument)} is given"
        case Ask(receiver, method, argument):
            return f"{_term(receiver)} {_ASKED[method]} {_term(argument)}"
        case Compare(left, operator, right):
            return f"{_term(left)} {_COMPARED[operator]} {_term(right)}"
        case In(item, Call("cidr", network)):
            return f"{_term(item)} lies in {_term(network)}"
        case In(item, Items(values)):
            return f"{_term(item)} is one of {', '.join(map(_literal, values))}" if values else "never"
        case In(item, container):
            return f"{_term(container)} has {_term(item)}"
        case Not(Call("segment", Constant(name))):
            return f"they are not in the segment {name}"
        case Not(operand):
            return f"it is false that {_grouped(operand)}"
        case cel.All(operands):
            return " and ".join(_grouped(o) for o in operands)
        case cel.Any(operands):
            return " or ".join(_grouped(o) for o in operands)
        case Choice(condition, then, otherwise):
            return f"{_grouped(then)} where {_grouped(condition)}, and {_grouped(otherwise)} elsewhere"
        case _:
            return _term(e)


def _grouped(e: Expression) -> str:
    return f"({_said(e)})" if isinstance(e, cel.All | cel.Any | Choice) else _said(e)


def _term(e: Expression) -> str:
    """What stands for a value in a sentence."""
    match e:
        case Constant(value):
            return _literal(value)
        case Items(values):
            return f"({', '.join(map(_literal, values))})"
        case Attribute(path):
            return ".".join(path) or "the unit"
        case Call("semver", Constant(text)):
            return f"version {text}"
        case Call("timestamp", Constant(text)):
            return f"the moment {text}"
        case Call(_, argument):
            return _term(argument)
        case _:
            return f"({_said(e)})"


def _literal(value: bool | str | int | float) -> str:
    return json.dumps(value, ensure_ascii=False)
