"""The text of a condition to its tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass

from fader.assign.cel import CelError

_TOKEN = re.compile(
    r"""(?:\s|//[^\n]*+)*+(?:
        (?P<text>[rR]?(?:"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'))
      | (?P<number>(?:0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)(?![\w.]))
      | (?P<name>[A-Za-z_][A-Za-z0-9_]*)
      | (?P<sign>==|!=|<=|>=|&&|\|\||[<>!?:.,()\[\]-])
      | (?P<other>\S)
    )""",
    re.VERBOSE | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-3][0-7]{2})|(.))", re.DOTALL)
_CONTROLS = dict(zip("abfnrtv", "\a\b\f\n\r\t\v", strict=True))
#: What people write in other languages, and what it is here.
_FOREIGN = {"=": "write ==", "&": "write &&", "|": "write ||", "~": "write NAME.matches(...)"}


@dataclass(frozen=True, slots=True)
class Token:
    """`kind`: text, number, name, sign or end; `at` counts from 1; `value` is what a text or number stands for."""

    kind: str
    text: str
    at: int
    value: str | int | float = ""


def tokens(text: str) -> list[Token]:
    """Raises CelError."""
    found, at = [], 0
    end = len(text.rstrip())
    while match := _TOKEN.match(text, at):
        kind = str(match.lastgroup)
        token, start = match[kind], match.start(kind) + 1
        if kind == "other":
            raise _foreign(token, start)
        value: str | int | float = ""
        if kind == "text":
            value = _unquoted(token, start)
        elif kind == "number":
            value = _number(token, start)
        found.append(Token(kind, token, start, value))
        at = match.end()
    return [*found, Token("end", "", end + 1)]


def _foreign(sign: str, at: int) -> CelError:
    if sign in "\"'":
        return CelError(at, "the text is not closed", f"end it with {sign}")
    if sign.isdigit():
        return CelError(at, "this is no number", "write e.g. 5, 0.5 or 1e3; a version goes into semver(...)")
    if sign in "+*/%":
        return CelError(at, f"{sign} is not supported: a condition does not calculate", "compare with the result")
    return CelError(at, f"{sign} is not expected", _FOREIGN.get(sign, "remove it, or put a text into quotes"))


def _number(token: str, at: int) -> int | float:
    value = int(token, 16) if token[:2].lower() == "0x" else float(token) if not token.isdigit() else int(token)
    if isinstance(value, int) and value >= 1 << 63:
        raise CelError(at, f"{token} is too large", "write a number below 2^63, or a text in quotes")
    if value == float("inf"):
        raise CelError(at, f"{token} is too large", "write a smaller number")
    return value


def _unquoted(token: str, at: int) -> str:
    if token[0] in "rR":
        return token[2:-1]

    def character(found: re.Match[str]) -> str:
        code = found[1] or found[2] or found[3]
        if code or found[4]:
            number = int(code, 16) if code else int(found[4], 8)
            if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
                raise CelError(at, f"{found[0]} is no character", "write a code point up to \\U0010FFFF")
            return chr(number)
        if found[5] in "\\\"'`?":
            return found[5]
        if found[5] in _CONTROLS:
            return _CONTROLS[found[5]]
        raise CelError(at, f"{found[0]} is no escape", f'write \\{found[0]}, or r"..." for a pattern')

    return _ESCAPE.sub(character, token[1:-1])
