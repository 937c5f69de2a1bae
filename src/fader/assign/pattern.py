"""Patterns for `matches`: a subset of RE2's syntax, matched in time linear in the text.

A backtracking engine takes exponential time for some patterns, which would let one attribute of one request stop a
server. Here all alternatives are followed at once (Thompson, "Regular Expression Search Algorithm", CACM 1968), and
the sets of threads that occur are kept as states of an automaton, so that a character costs one look-up mostly.

    pattern     = sequence { "|" sequence }
    sequence    = { piece }
    piece       = atom [ "*" | "+" | "?" | "{" N [ "," [ M ] ] "}" ]
    atom        = CHARACTER | "." | "^" | "$" | class | escape | "(" [ "?:" ] pattern ")"
    class       = "[" [ "^" ] { CHARACTER | CHARACTER "-" CHARACTER | escape } "]"
    escape      = \\d \\D \\w \\W \\s \\S \\t \\n \\r \\f \\v, or \\ before punctuation

As in RE2, a match anywhere in the text counts, `.` is every character but a line's end, `^` and `$` are the ends of
the text, and \\d \\w \\s mean ASCII.
"""

from __future__ import annotations

from dataclasses import dataclass, field

#: Instructions of one pattern at most, with repetitions written out.
MOST_INSTRUCTIONS = 1_000
#: Transitions kept per pattern; beyond, they are forgotten and found anew.
MOST_TRANSITIONS = 10_000
MOST_REPEATS = 1_000
DEEPEST = 50

#: Inclusive ranges of code points, and whether they are what does not match.
Ranges = tuple[tuple[int, int], ...]
_LAST = 0x10FFFF
_CLASSES: dict[str, Ranges] = {
    "d": ((48, 57),),
    "w": ((48, 57), (65, 90), (95, 95), (97, 122)),
    "s": ((9, 10), (12, 13), (32, 32)),
}
_CONTROLS = {"t": 9, "n": 10, "r": 13, "f": 12, "v": 11}


class PatternError(ValueError):
    """`position` counts characters of the pattern from 1."""

    def __init__(self, position: int, message: str, fix: str) -> None:
        super().__init__(message)
        self.position, self.message, self.fix = position, message, fix


@dataclass(slots=True)
class _Take:
    """Consume one character of `ranges`, then go to `then`."""

    ranges: Ranges
    then: int


@dataclass(slots=True)
class _Fork:
    """Go to all of `then` at once. `only`: "" anywhere, "^" at the text's begin, "$" at its end."""

    then: tuple[int, ...]
    only: str = ""


@dataclass(slots=True)
class _State:
    """`takes`: the threads that wait for a character. `found`: matched already; `found_at_end`: if the text ends."""

    takes: frozenset[int]
    found: bool
    found_at_end: bool
    after: dict[str, _State] = field(default_factory=dict)


# The tree of a pattern: what it consumes, and what follows what.
@dataclass(frozen=True, slots=True)
class _Set:
    ranges: Ranges


@dataclass(frozen=True, slots=True)
class _Edge:
    only: str


@dataclass(frozen=True, slots=True)
class _Sequence:
    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Either:
    nodes: tuple[_Node, ...]


@dataclass(frozen=True, slots=True)
class _Repeat:
    """`most` -1 is without end."""

    node: _Node
    least: int
    most: int


_Node = _Set | _Edge | _Sequence | _Either | _Repeat


class Pattern:
    """A compiled pattern; safe for use from several threads. Raises PatternError."""

    def __init__(self, text: str) -> None:
        self._program: list[_Take | _Fork] = []
        self._visits = 0
        tree = _Reader(text).read()
        self._emit(_Fork(()))  # instruction 0: the match
        self._first = self._compile(tree, 0)
        self._transitions = 0
        self._states: dict[frozenset[int], _State] = {}
        self._start = self._state(frozenset((self._first,)), begins=True)

    @property
    def transitions(self) -> int:
        """How many are kept: the work that was done since they were last forgotten."""
        return self._transitions

    def found_in(self, text: str) -> bool:
        """Whether it matches anywhere in `text`."""
        state = self._start
        for character in text:
            if state.found:
                return True
            state = state.after.get(character) or self._step(state, character)
        return state.found or state.found_at_end

    def _emit(self, instruction: _Take | _Fork) -> int:
        self._program.append(instruction)
        return len(self._program) - 1

    def _compile(self, node: _Node, then: int) -> int:
        """Instructions for `node` that go on at `then`; returns where they begin."""
        self._visits += 1
        if max(self._visits, len(self._program)) > MOST_INSTRUCTIONS:
            raise PatternError(1, "the pattern is too large", "write smaller repetitions")
        match node:
            case _Set(ranges):
                return self._emit(_Take(ranges, then))
            case _Edge(only):
                return self._emit(_Fork((then,), only))
            case _Sequence(nodes):
                for part in reversed(nodes):
                    then = self._compile(part, then)
                return then
            case _Either(nodes):
                return self._emit(_Fork(tuple([self._compile(part, then) for part in nodes])))
            case _Repeat(part, least, most):
                if most < 0:
                    loop = _Fork((then,))
                    then = self._emit(loop)
                    loop.then = (self._compile(part, then), *loop.then)
                for _ in range(most - least):
                    then = self._emit(_Fork((self._compile(part, then), then)))
                for _ in range(least):
                    then = self._compile(part, then)
                return then

    def _state(self, threads: frozenset[int], begins: bool = False) -> _State:
        reached = self._reach(threads, begins, False)
        takes = frozenset(i for i in reached if isinstance(self._program[i], _Take))
        return _State(takes, 0 in reached, 0 in self._reach(threads, begins, True))

    def _reach(self, threads: frozenset[int], begins: bool, ends: bool) -> set[int]:
        """All instructions that can be come to without consuming a character."""
        seen: set[int] = set()
        open_ = list(threads)
        while open_:
            i = open_.pop()
            if i in seen:
                continue
            seen.add(i)
            instruction = self._program[i]
            if isinstance(instruction, _Fork) and (
                not instruction.only or (begins if instruction.only == "^" else ends)
            ):
                open_.extend(instruction.then)
        return seen

    def _step(self, state: _State, character: str) -> _State:
        code = ord(character)
        threads = {self._first}  # a match may begin anywhere
        for i in state.takes:
            take = self._program[i]
            if isinstance(take, _Take) and any(low <= code <= high for low, high in take.ranges):
                threads.add(take.then)
        if self._transitions >= MOST_TRANSITIONS:
            self._transitions = 0
            self._states = {}
            self._start = self._state(frozenset((self._first,)), begins=True)
        key = frozenset(threads)
        following = self._states.get(key)
        if following is None:
            following = self._states[key] = self._state(key)
        self._transitions += 1
        state.after[character] = following
        return following


class _Reader:
    """Pattern text to tree, by recursive descent."""

    def __init__(self, text: str) -> None:
        self._text, self._at, self._depth = text, 0, 0

    def read(self) -> _Node:
        tree = self._either()
        if self._at < len(self._text):
            raise self._wrong("a ) without (", "write \\) for the character itself")
        return tree

    def _wrong(self, message: str, fix: str) -> PatternError:
        return PatternError(self._at + 1, message, fix)

    def _peek(self) -> str:
        return self._text[self._at : self._at + 1]

    def _take(self) -> str:
        self._at += 1
        return self._text[self._at - 1 : self._at]

    def _either(self) -> _Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._wrong("the groups are nested too deeply", "write a simpler pattern")
        options = [self._sequence()]
        while self._peek() == "|":
            self._take()
            options.append(self._sequence())
        self._depth -= 1
        return options[0] if len(options) == 1 else _Either(tuple(options))

    def _sequence(self) -> _Node:
        pieces: list[_Node] = []
        while self._peek() and self._peek() not in "|)":
            pieces.append(self._piece())
        return _Sequence(tuple(pieces))

    def _piece(self) -> _Node:
        atom = self._atom()
        sign = self._peek()
        if sign and sign in "*+?":
            self._take()
            atom = _Repeat(atom, 1 if sign == "+" else 0, 1 if sign == "?" else -1)
        elif sign == "{":
            atom = self._counted(atom)
        if self._peek() and self._peek() in "*+?{":
            raise self._wrong(
                f"{self._peek()} behind a repetition", "put the part in (?:...); laziness changes nothing"
            )
        return atom

    def _counted(self, atom: _Node) -> _Node:
        inside, closed, _ = self._text[self._at + 1 :].partition("}")
        low, comma, high = inside.partition(",")
        if not closed or not _digits(low) or (high and not _digits(high)):
            raise self._wrong("{ begins no repetition", "write {2}, {2,} or {2,5}, or \\{ for the character itself")
        least, most = int(low), int(high) if high else (-1 if comma else int(low))
        if max(least, most) > MOST_REPEATS or 0 <= most < least:
            raise self._wrong(f"{{{inside}}} is out of range", f"repeat at most {MOST_REPEATS} times, the least first")
        self._at += len(inside) + 2
        return _Repeat(atom, least, most)

    def _atom(self) -> _Node:
        character = self._peek()
        if character in "*+?{":
            raise self._wrong(f"{character} repeats nothing", f"write \\{character} for the character itself")
        if character == "(":
            return self._group()
        if character == "[":
            return _Set(self._class())
        self._take()
        if character == ".":
            return _Set(_without(((10, 10),)))
        if character in "^$":
            return _Edge(character)
        return _Set(self._escape()) if character == "\\" else _Set(((ord(character),) * 2,))

    def _group(self) -> _Node:
        opened = self._at
        self._take()
        if self._peek() == "?":
            if self._text[self._at : self._at + 2] != "?:":
                raise self._wrong("(? begins a group that is not supported", "write ( or (?:")
            self._at += 2
        inside = self._either()
        if self._take() != ")":
            self._at = opened
            raise self._wrong("( is not closed", "add ), or write \\( for the character itself")
        return inside

    def _escape(self) -> Ranges:
        """Behind the backslash."""
        character = self._take()
        if character.lower() in _CLASSES and character:
            ranges = _CLASSES[character.lower()]
            return ranges if character.islower() else _without(ranges)
        if character in _CONTROLS:
            return ((_CONTROLS[character],) * 2,)
        if not character or character.isalnum() or not character.isascii():
            self._at -= 1
            raise self._wrong(
                f"\\{character} is not supported", "known are \\d \\w \\s \\D \\W \\S \\t \\n \\r \\f \\v"
            )
        return ((ord(character),) * 2,)

    def _class(self) -> Ranges:
        opened = self._at
        self._take()
        negated = self._peek() == "^"
        if negated:
            self._take()
        ranges: list[tuple[int, int]] = []
        while True:
            character = self._take()
            if not character:
                self._at = opened
                raise self._wrong("[ is not closed", "add ], or write \\[ for the character itself")
            if character == "]" and ranges:
                return _without(tuple(ranges)) if negated else tuple(ranges)
            if character == "[" and self._peek() == ":":
                raise self._wrong("[: is not supported", "write the ranges, e.g. a-z0-9")
            low = self._escape() if character == "\\" else ((ord(character),) * 2,)
            ranges += self._range(low)

    def _range(self, low: Ranges) -> Ranges:
        """`low`, or low to what stands behind a minus."""
        single = len(low) == 1 and low[0][0] == low[0][1]
        if self._peek() != "-" or self._text[self._at + 1 : self._at + 2] in ("]", ""):
            return low
        self._take()
        character = self._take()
        high = self._escape() if character == "\\" else ((ord(character),) * 2,)
        if not single or len(high) > 1 or high[0][0] != high[0][1] or high[0][0] < low[0][0]:
            raise self._wrong(
                "a range is upside down, or no range", "write the lower character first, and \\- for a minus"
            )
        return ((low[0][0], high[0][0]),)


def _digits(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 4


def _without(ranges: Ranges) -> Ranges:
    """All other code points."""
    found, following = [], 0
    for low, high in sorted(ranges):
        if low > following:
            found.append((following, low - 1))
        following = max(following, high + 1)
    return tuple(found) if following > _LAST else (*found, (following, _LAST))
