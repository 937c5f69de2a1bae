"""JsonLogic as jsonlogic.com defines it by its implementation in JavaScript, and flagd's operations as its
documentation does: for the operations that fader writes."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from typing import Any

_ORDERS = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}
_SIGNS = _ORDERS | {"=": operator.eq, "!=": operator.ne}
_VERSION = re.compile(r"[vV]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+.*)?")
NAN = float("nan")


def answer(logic: Any, context: Mapping[str, Any]) -> Any:
    if isinstance(logic, list):
        return [answer(part, context) for part in logic]
    if not isinstance(logic, dict):
        return logic
    ((word, arguments),) = logic.items()
    arguments = arguments if isinstance(arguments, list) else [arguments]
    if word == "if":
        while len(arguments) > 1:
            condition, then, *arguments = arguments
            if truth(answer(condition, context)):
                return answer(then, context)
        return answer(arguments[0], context) if arguments else None
    if word in ("and", "or"):
        found = None
        for part in arguments:
            found = answer(part, context)
            if truth(found) is (word == "or"):
                break
        return found
    given = [answer(part, context) for part in arguments]
    if word == "var":
        return _var(given[0], context)
    if word == "!":
        return not truth(given[0])
    if word in ("===", "!=="):
        return _same(*given) is (word == "===")
    if word == "in":
        return _in(*given)
    if word == "+":
        return _number(given[0])
    if word in _ORDERS:
        return _ordered(word, *given)
    if word in ("starts_with", "ends_with"):
        text, part = given
        if not isinstance(text, str) or not isinstance(part, str):
            return None
        return text.startswith(part) if word == "starts_with" else text.endswith(part)
    if word == "sem_ver":
        a, sign, b = given
        left, right = _version(a), _version(b)
        return None if left is None or right is None else _SIGNS[sign](left, right)
    raise ValueError(word)


def truth(value: Any) -> bool:
    """Of a list whether it holds something; of all else, what JavaScript says."""
    return isinstance(value, dict) or (value == value and bool(value))


def _var(path: str, context: Any) -> Any:
    for step in path.split("."):
        if isinstance(context, str | list) and step == "length":
            context = len(context)
        elif isinstance(context, str | list) and step.isdigit():
            context = context[int(step)] if int(step) < len(context) else None
        else:
            context = context.get(step) if isinstance(context, Mapping) else None
    return context


def _same(a: Any, b: Any) -> bool:
    """===: numbers by value, lists and objects by identity."""
    if isinstance(a, list | dict) or isinstance(b, list | dict):
        return a is b
    return isinstance(a, bool) is isinstance(b, bool) and a == b


def _in(item: Any, container: Any) -> bool:
    if isinstance(container, str):
        return bool(container) and _text(item) in container
    return isinstance(container, list) and any(_same(item, one) for one in container)


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value).lower().replace("none", "null")
    if isinstance(value, list):
        return ",".join("" if one is None else _text(one) for one in value)
    return "[object Object]" if isinstance(value, dict) else str(value)


def _number(value: Any) -> float:
    """Raises ValueError for a text that is no number, as some evaluators do where JavaScript has NaN."""
    if isinstance(value, bool | int | float):
        return value + 0
    if value is None:
        return 0
    try:
        return float(_text(value) or 0)
    except ValueError:
        if isinstance(value, str):
            raise
        return NAN


def _ordered(sign: str, a: Any, b: Any) -> bool:
    if isinstance(a, str) and isinstance(b, str):
        return bool(_ORDERS[sign](a, b))
    return bool(_ORDERS[sign](_number(a), _number(b)))


def _version(value: Any) -> Any:
    found = _VERSION.fullmatch(_text(value))
    if found is None:
        return None
    ranks = [(0, int(i), "") if i.isdigit() else (1, 0, i) for i in (found[4] or "").split(".") if i]
    return [int(n or 0) for n in found.groups()[:3]], not ranks, ranks
