"""The conditions of a metric: comparisons of fields joined by `&&`, a small subset of CEL.

    condition  = comparison { "&&" comparison }
    comparison = FIELD ("==" | "!=" | "<" | "<=" | ">" | ">=") (NUMBER | TEXT)

A text stands in double or single quotes, with backslash escapes for the quote and the backslash. The fields of a
request and their kinds are known; a property of an app's event is a number or a text as it is compared.
"""

from __future__ import annotations

import re
from typing import cast

from fader.model.metric import REQUEST_FIELDS, Comparison, Operator
from fader.schema.suggest import did_you_mean, quoted, wrong

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<number>-?[0-9]+(?:\.[0-9]+)?(?![\w.]))
      | (?P<text>"(?:[^"\\]|\\["'\\])*"|'(?:[^'\\]|\\["'\\])*')
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<operator>==|!=|<=|>=|<|>)
      | (?P<and>&&)
      | (?P<other>\S)
    )""",
    re.VERBOSE,
)
_FIX = 'write e.g. status >= 500 && path != "/healthz"'


class _Tokens:
    def __init__(self, text: str) -> None:
        self.found = [
            (str(m.lastgroup), m[m.lastgroup or 0], m.start(m.lastgroup or 0) + 1) for m in _TOKEN.finditer(text)
        ]
        self.at = 0
        self.end = len(text) + 1

    def peek(self) -> tuple[str, str, int]:
        return self.found[self.at] if self.at < len(self.found) else ("end", "", self.end)

    def take(self, kind: str, expected: str) -> tuple[str, int]:
        found, text, position = self.peek()
        if found != kind:
            raise _unexpected(found, text, position, expected)
        self.at += 1
        return text, position


def _unexpected(kind: str, text: str, position: int, expected: str) -> Exception:
    if text in {"|", "!", "(", ")"}:
        return wrong(f"at character {position}: {text} is not supported", "join comparisons by && alone")
    if text == "=":
        return wrong(f"at character {position}: = is no comparison", "write ==")
    if text in {'"', "'"}:
        return wrong(f"at character {position}: the text is not closed", f"end it with {text}")
    found = "the condition ends" if kind == "end" else f"found {quoted(text) if kind == 'other' else text}"
    return wrong(f"at character {position}: {found} where {expected} is expected", _FIX)


def parse_where(value: object, tracked: bool = False) -> tuple[Comparison, ...]:
    """All comparisons must hold; `tracked`: of an app's event, not of requests.

    Raises PydanticCustomError with the position, counted from 1.
    """
    if not isinstance(value, str):
        raise wrong("is not a condition", _FIX)
    tokens = _Tokens(value)
    found = [_comparison(tokens, tracked)]
    while tokens.peek()[0] != "end":
        tokens.take("and", "&&")
        found.append(_comparison(tokens, tracked))
    return tuple(found)


def _comparison(tokens: _Tokens, tracked: bool) -> Comparison:
    field, position = tokens.take("name", "a property of the event" if tracked else "a field of the request")
    if not tracked and field not in REQUEST_FIELDS:
        raise wrong(f"at character {position}: unknown field {field}", did_you_mean(field, REQUEST_FIELDS))
    operator, at_operator = tokens.take("operator", "==, !=, <, <=, > or >=")
    kind, text, at_value = tokens.peek()
    if tracked and kind not in {"number", "text"}:
        raise _unexpected(kind, text, at_value, "a number or a text in quotes")
    if (kind if tracked else REQUEST_FIELDS[field]) == "number":
        if kind == "text":
            raise wrong(
                f"at character {at_value}: {field} is a number, not a text", f"write it without quotes: {text[1:-1]}"
            )
        tokens.take("number", "a number")
        return Comparison(field, cast(Operator, operator), float(text))
    if kind == "number":
        raise wrong(f"at character {at_value}: {field} is a text, not a number", f'write it in quotes: "{text}"')
    if operator not in {"==", "!="}:
        raise wrong(f"at character {at_operator}: {field} is a text and has no order", "compare it by == or !=")
    tokens.take("text", "a text in quotes")
    return Comparison(field, cast(Operator, operator), re.sub(r"\\(.)", r"\1", text[1:-1]))
