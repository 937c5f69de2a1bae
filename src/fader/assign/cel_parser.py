"""The text of a condition to its syntax tree, with every mistake at its position."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_network
from itertools import count
from typing import Literal, cast, get_args

from fader.assign.cel import (
    ROOT,
    UNIT,
    All,
    Any,
    Ask,
    Attribute,
    Call,
    CelError,
    Choice,
    Compare,
    Constant,
    Expression,
    Function,
    In,
    Items,
    Method,
    Not,
    Operator,
)
from fader.assign.cel_tokens import Token, tokens
from fader.assign.moment import nanoseconds
from fader.assign.pattern import Pattern, PatternError
from fader.assign.semver import precedence

LONGEST = 10_000
DEEPEST = 50

#: What an expression is known to yield before it is evaluated; an attribute may be anything.
Kind = Literal["condition", "text", "number", "list", "version", "moment", "network", "anything"]
_FUNCTIONS: dict[str, Kind] = {
    "semver": "version",
    "timestamp": "moment",
    "cidr": "network",
    "segment": "condition",
    "has": "condition",
}
_METHODS: tuple[str, ...] = get_args(Method)
_OPERATORS: tuple[str, ...] = get_args(Operator)
_ORDERED: tuple[Kind, ...] = ("text", "number", "version", "moment", "anything", "condition")
_RESERVED = frozenset({
    "as", "break", "const", "continue", "else", "for", "function", "if", "import", "in", "let", "loop", "namespace",
    "null", "package", "return", "var", "void", "while",
})  # fmt: skip
_WORDS = {"and": "&&", "or": "||", "not": "!", "AND": "&&", "OR": "||", "NOT": "!"}
_EXAMPLE = 'write e.g. country == "US" && plan in ["pro", "team"]'


@lru_cache(maxsize=16_384)
def parse(text: str) -> Expression:
    """A condition. Raises CelError with the position, counted from 1, and a fix."""
    if len(text) > LONGEST:
        raise CelError(1, f"the condition is longer than {LONGEST:,} characters", "put the units into a segment")
    reader = _Reader(tokens(text))
    found = reader.choice()
    reader.end()
    return _condition(found)


class _Reader:
    def __init__(self, found: list[Token]) -> None:
        self._tokens, self._at, self._depth = found, 0, 0

    def _peek(self) -> Token:
        return self._tokens[self._at]

    def _next(self) -> Token:
        token = self._tokens[self._at]
        self._at += token.kind != "end"
        return token

    def _accept(self, *signs: str) -> Token | None:
        token = self._peek()
        return self._next() if token.kind == "sign" and token.text in signs else None

    def _expect(self, sign: str, after: Token) -> None:
        if not self._accept(sign):
            found = self._peek()
            said = f"found {found.text}" if found.kind != "end" else "the condition ends"
            raise CelError(found.at, f"{said} where {sign} is expected", f"close {after.text} with {sign}")

    def end(self) -> None:
        token = self._peek()
        if token.kind == "end":
            return
        if token.text in _WORDS:
            raise CelError(token.at, f"{token.text} is no operator", f"write {_WORDS[token.text]}")
        raise CelError(token.at, f"found {token.text} where the condition should end", "join conditions by && or ||")

    def choice(self) -> Expression:
        self._depth += 1
        if self._depth > DEEPEST:
            raise CelError(self._peek().at, "the condition is nested too deeply", "use a segment for a part of it")
        found = self._either()
        if mark := self._accept("?"):
            then = _condition(self._either())
            self._expect(":", mark)
            found = Choice(_condition(found), then, _condition(self.choice()), mark.at)
        self._depth -= 1
        return found

    def _either(self) -> Expression:
        found = [self._both()]
        while self._accept("||"):
            found.append(self._both())
        return found[0] if len(found) == 1 else Any(tuple(map(_condition, found)), found[0].at)

    def _both(self) -> Expression:
        found = [self._relation()]
        while self._accept("&&"):
            found.append(self._relation())
        return found[0] if len(found) == 1 else All(tuple(map(_condition, found)), found[0].at)

    def _relation(self) -> Expression:
        left = self._unary()
        for level in count():
            token = self._peek()
            if level > DEEPEST:  # each comparison is a side of the next
                raise CelError(token.at, "the condition is nested too deeply", "join comparisons by &&")
            if token.kind == "name" and token.text == "in":
                left = _membership(left, self._after(token), token.at)
            elif token.kind == "sign" and token.text in _OPERATORS:
                left = _comparison(left, cast(Operator, token.text), self._after(token), token.at)
            else:
                break
        return left

    def _after(self, token: Token) -> Expression:
        self._next()
        return self._unary()

    def _unary(self) -> Expression:
        signs = []
        while sign := self._accept("!"):
            signs.append(sign)
        if len(signs) > DEEPEST:
            raise CelError(signs[0].at, "the condition is nested too deeply", "remove each two of the !")
        found = self._member()
        for sign in reversed(signs):
            found = Not(_condition(found), sign.at)
        return found

    def _member(self) -> Expression:
        found = self._primary()
        while True:
            if self._accept("."):
                found = self._dotted(found)
            elif bracket := self._accept("["):
                key = self._next()
                if key.kind != "text" or not isinstance(found, Attribute) or found.path == ():
                    raise CelError(key.at, "only a text in quotes can stand in [...] here", f'write {ROOT}["name"]')
                self._expect("]", bracket)
                found = Attribute((*found.path, str(key.value)), found.at)
            else:
                return found

    def _dotted(self, found: Expression) -> Expression:
        name = self._next()
        if name.kind != "name":
            raise CelError(name.at, "a name is expected behind the point", "write e.g. device.os")
        if bracket := self._accept("("):
            argument = self._unary()
            self._expect(")", bracket)
            return _method(found, name, argument)
        if not isinstance(found, Attribute) or found.path == ():
            raise CelError(name.at, f"nothing has a part called {name.text} here", _nearest(name.text, _METHODS))
        return Attribute((*found.path, name.text), found.at)

    def _primary(self) -> Expression:
        token = self._next()
        if token.kind in ("text", "number"):
            return Constant(token.value, token.at)
        if token.kind == "name":
            return self._name(token)
        if token.text == "-" and self._peek().kind == "number":
            number = self._next().value
            return Constant(-number, token.at) if isinstance(number, int | float) else Constant(number, token.at)
        if token.text == "(":
            found = self.choice()
            self._expect(")", token)
            return found
        if token.text == "[":
            return self._items(token)
        if token.kind == "end":
            raise CelError(token.at, "the condition ends where something is expected", _EXAMPLE)
        raise CelError(token.at, f"found {token.text} where a name, a text or a number is expected", _EXAMPLE)

    def _name(self, token: Token) -> Expression:
        if token.text in ("true", "false"):
            return Constant(token.text == "true", token.at)
        if bracket := self._accept("("):
            if token.text not in _FUNCTIONS:
                fix = _nearest(token.text, _FUNCTIONS)
                if token.text in _METHODS:
                    fix = f"write NAME.{token.text}(...)"
                raise CelError(token.at, f"there is no function {token.text}", fix)
            argument = self._unary()
            self._expect(")", bracket)
            return _call(cast(Function, token.text), argument, token.at)
        if token.text in _WORDS:
            raise CelError(token.at, f"{token.text} is no operator", f"write {_WORDS[token.text]}")
        if token.text == "null":
            raise CelError(token.at, "null is not supported", "write !has(NAME) for what is missing")
        if token.text in _RESERVED:
            raise CelError(token.at, f"{token.text} is a word of the language", f'write {ROOT}["{token.text}"]')
        if token.text == ROOT:
            return self._root(token)
        return Attribute(() if token.text == UNIT else (token.text,), token.at)

    def _root(self, token: Token) -> Attribute:
        """Behind `context`, which is all attributes: which one?"""
        if bracket := self._accept("["):
            key = self._next()
            if key.kind == "text":
                self._expect("]", bracket)
                return Attribute((str(key.value),), token.at)
        elif self._accept(".") and self._peek().kind == "name":
            return Attribute((self._next().text,), token.at)
        raise CelError(token.at, f"{ROOT} is all attributes: name one of them", f'write {ROOT}["name"]')

    def _items(self, bracket: Token) -> Expression:
        found: list[bool | str | int | float] = []
        while not self._accept("]"):
            if found:
                self._expect(",", bracket)
            item = self._primary()
            if not isinstance(item, Constant):
                raise CelError(item.at, "a list holds texts and numbers alone", "join the rest by ||")
            found.append(item.value)
        return Items(tuple(found), bracket.at)


def _kind(expression: Expression) -> Kind:
    match expression:
        case Constant(value):
            return "condition" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
        case Items():
            return "list"
        case Attribute(path):
            return "anything" if path else "text"
        case Call(function):
            return _FUNCTIONS[function]
        case _:
            return "condition"


def _condition(expression: Expression) -> Expression:
    """The expression, if it can be true. Raises CelError."""
    kind = _kind(expression)
    if kind in ("condition", "anything"):
        return expression
    fix = "compare it, e.g. with ==" if kind in ("text", "number", "version", "moment") else "write NAME in ..."
    raise CelError(expression.at, f"a {kind} alone is neither true nor false", fix)


def _comparison(left: Expression, operator: Operator, right: Expression, at: int) -> Compare:
    kinds = {_kind(left), _kind(right)}
    if "network" in kinds:
        raise CelError(at, "a network is not compared", 'write ip in cidr("10.0.0.0/8")')
    for special, function in (("version", "semver"), ("moment", "timestamp")):
        if special in kinds and len(kinds) > 1:
            raise CelError(
                at, f"a {special} is compared with a {special} alone", f"write {function}(...) on both sides"
            )
    known = kinds - {"anything"}
    if len(known) > 1:
        raise CelError(at, f"a {' is never a '.join(sorted(known))}", "compare the same kinds of things")
    if operator not in ("==", "!=") and not kinds <= set(_ORDERED):
        raise CelError(at, "a list has no order", "write NAME in [...]")
    return Compare(left, operator, right, at)


def _membership(item: Expression, container: Expression, at: int) -> In:
    kind = _kind(container)
    if kind not in ("list", "network", "anything"):
        fix = "write [...] around it, or NAME.contains(...) for a part of a text"
        raise CelError(container.at, f"nothing is in a {kind}", fix)
    if kind == "network" and _kind(item) not in ("anything", "text"):
        raise CelError(item.at, "only an address is in a network", 'write ip in cidr("10.0.0.0/8")')
    if _kind(item) in ("version", "moment", "network"):
        raise CelError(item.at, f"a {_kind(item)} is not looked up in a list", "join comparisons by ||")
    return In(item, container, at)


def _call(function: Function, argument: Expression, at: int) -> Call:
    if function == "has":
        if not isinstance(argument, Attribute) or argument.path == ():
            raise CelError(argument.at, "has() takes the name of an attribute", "write has(country)")
        return Call(function, argument, at)
    constant = argument.value if isinstance(argument, Constant) else None
    if function in ("cidr", "segment"):
        if not isinstance(constant, str):
            raise CelError(argument.at, f"{function}() takes a text in quotes", f"write {_USAGE[function]}")
    elif _kind(argument) not in ("text", "anything") and not (function == "timestamp" and isinstance(constant, int)):
        raise CelError(argument.at, f"{function}() takes a text or an attribute", f"write {_USAGE[function]}")
    if constant is not None and not _sound(function, constant):
        raise CelError(argument.at, f"{constant!r} is no {_KINDS[function]}", f"write {_USAGE[function]}")
    return Call(function, argument, at)


_USAGE = {
    "semver": 'semver(version) >= semver("2.10.0")',
    "timestamp": 'timestamp(created) < timestamp("2026-01-31T00:00:00Z")',
    "cidr": 'ip in cidr("10.0.0.0/8")',
    "segment": 'segment("beta")',
}
_KINDS = {"semver": "version", "timestamp": "moment (RFC 3339)", "cidr": "network", "segment": "name"}


def _sound(function: Function, constant: bool | str | int | float) -> bool:
    if function == "semver":
        return precedence(str(constant)) is not None
    if function == "timestamp":
        return nanoseconds(constant) is not None
    if function == "cidr":
        try:
            ip_network(str(constant))
        except ValueError:
            return False
    return True


def _method(receiver: Expression, name: Token, argument: Expression) -> Ask:
    if name.text not in _METHODS:
        raise CelError(name.at, f"there is no method {name.text}", _nearest(name.text, _METHODS))
    for side in (receiver, argument):
        if _kind(side) not in ("text", "anything"):
            raise CelError(side.at, f"{name.text} is for texts", f'write e.g. email.{name.text}("...")')
    if name.text == "matches":
        if not isinstance(argument, Constant):
            raise CelError(argument.at, "the pattern must be written out", 'write e.g. email.matches("^[a-c]")')
        try:
            Pattern(str(argument.value))
        except PatternError as error:
            message = f"in the pattern, at its character {error.position}: {error}"
            raise CelError(argument.at, message, error.fix) from None
    return Ask(receiver, cast(Method, name.text), argument, name.at)


def _nearest(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # slow to load, and needed for mistakes alone

    names = {n.lower(): n for n in known}
    near = get_close_matches(word.lower(), names, n=1, cutoff=0.5)
    return f"did you mean {names[near[0]]}?" if near else f"known are: {', '.join(names.values())}"
