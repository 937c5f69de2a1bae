"""A condition as a predicate of SQL over the columns of a table, or refused: never approximated.

SQL's three values are CEL's: a column that is null is an attribute that is missing, and `NOT`, `AND` and `OR` treat
null as `!`, `&&` and `||` treat an error. So a row for which the predicate is null does not match, negated or not. A
column holds values of one kind, which follows from what the condition compares it with.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from fader.assign import cel
from fader.assign.bucket import UNIT_BYTES
from fader.assign.cel import Ask, Attribute, Call, Choice, Compare, Constant, Expression, In, Items, Not, asks
from fader.assign.cel_parser import parse
from fader.assign.condition import compile_condition
from fader.model.segment import Segment

Dialect = Literal["clickhouse", "duckdb", "sqlite"]
Kind = Literal["text", "number", "boolean"]
Scalar = bool | str | int | float

#: So many comparisons may be made in one predicate, and so many units of segments be listed in it.
MOST_COMPARED, MOST_LISTED = 1_000, 10_000
#: Numbers of which each is one double.
EXACT = 2**53 - 1

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}
_SIGNS = {"==": "=", "!=": "<>"}
#: {0}: the text; {1}: the part, or the pattern, which is RE2's in both; {2}: the number of characters of the part.
_ASKED: dict[Dialect, dict[str, str]] = {
    "duckdb": {
        "startsWith": "starts_with({0}, {1})",
        "endsWith": "ends_with({0}, {1})",
        "contains": "contains({0}, {1})",
        "matches": "regexp_matches({0}, {1})",
    },
    "clickhouse": {
        "startsWith": "startsWith({0}, {1})",
        "endsWith": "endsWith({0}, {1})",
        "contains": "(position({0}, {1}) > 0)",
        "matches": "match({0}, concat('(?-s)', {1}))",  # there, a point is the end of a line too
    },
    "sqlite": {
        "startsWith": "(substr({0}, 1, {2}) = {1})",
        "endsWith": "(substr({0}, -{2}) = {1})",
        "contains": "(instr({0}, {1}) > 0)",
    },
}
_TEXT: dict[Dialect, str] = {"duckdb": "VARCHAR", "clickhouse": "Nullable(String)", "sqlite": "TEXT"}


class NotInSql(ValueError):
    """What SQL cannot say. `position` counts characters of the condition from 1; `fix`: what to do instead."""

    def __init__(self, position: int, reason: str, fix: str) -> None:
        super().__init__(f"at character {position}: {reason}")
        self.position, self.reason, self.fix = position, reason, fix


@dataclass(frozen=True, slots=True)
class Parameter:
    """What a person wrote: it never enters the text of the query."""

    value: str | int | float


Pieces = tuple[str | Parameter, ...]


@dataclass(frozen=True, slots=True)
class SqlText:
    """An expression. `columns`: the kind of each that is looked at; "" where any will do."""

    pieces: Pieces
    dialect: Dialect
    columns: Mapping[str, Kind | Literal[""]]

    @property
    def text(self) -> str:
        """With a `?` for each of the `parameters`."""
        return "".join(piece if isinstance(piece, str) else "?" for piece in self.pieces)

    @property
    def parameters(self) -> list[str | int | float]:
        return [piece.value for piece in self.pieces if isinstance(piece, Parameter)]

    @property
    def inlined(self) -> str:
        """With the parameters as literals, for people to run by hand."""
        return "".join(p if isinstance(p, str) else _literal(p.value, self.dialect) for p in self.pieces)


def predicate(
    condition: str,
    segments: Mapping[str, Segment],
    dialect: Dialect,
    unit: str = "unit",
    columns: Mapping[str, str] | None = None,
) -> SqlText:
    """Of `condition`; "" is everybody. `unit`: the column with the unit's id; null is nobody. `columns`: those of
    attributes, such as `device.os`, that are not called as the attribute is.

    Raises NotInSql, CelError for a condition that is not sound, KeyError for a segment that does not exist."""
    writer = Writer(segments, dialect, unit, columns or {})
    return writer.whole(writer.holds(parse(condition)) if condition else ("TRUE",))


def identifier(name: str, dialect: Dialect) -> str:
    """A name in quotes. In SQLite a name in double quotes that no column has is a text, so it gets others."""
    if dialect == "duckdb":
        return '"' + name.replace('"', '""') + '"'
    escaped = name.replace("\\", "\\\\").replace("`", "\\`") if dialect == "clickhouse" else name.replace("`", "``")
    return f"`{escaped}`"


def _literal(value: str | int | float, dialect: Dialect) -> str:
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\") if dialect == "clickhouse" else value
        return "'" + escaped.replace("'", "''") + "'"
    written = repr(value)
    return written if isinstance(value, int) or "e" in written else f"{written}e0"  # else a decimal for some


class Writer:
    """For all conditions of one expression: their bounds are those of all together, and a column has one kind."""

    def __init__(
        self, segments: Mapping[str, Segment], dialect: Dialect, unit: str, columns: Mapping[str, str]
    ) -> None:
        self._segments, self._dialect, self._unit, self._columns = segments, dialect, unit, columns
        self._compared = self._listed = 0
        #: Kind of each column, and where that was seen.
        self.kinds: dict[str, tuple[Kind | Literal[""], int]] = {}

    def whole(self, pieces: Pieces) -> SqlText:
        """The expression that was written in these pieces."""
        return SqlText(pieces, self._dialect, {name: kind for name, (kind, _) in self.kinds.items()})

    def holds(self, e: Expression) -> Pieces:
        """True, false, or null where CEL has an error."""
        if not asks(e):
            return (_constant(e),)
        match e:
            case Not(operand):
                return "NOT (", *self.holds(operand), ")"
            case cel.All(operands):
                return _joined(" AND ", map(self.holds, operands))
            case cel.Any(operands):
                return _joined(" OR ", map(self.holds, operands))
            case Choice(condition, then, otherwise):
                asked = self.holds(condition)
                no = ") WHEN NOT (", *self.holds(condition), ") THEN (", *self.holds(otherwise), ") END"
                return "CASE WHEN (", *asked, ") THEN (", *self.holds(then), *no
            case Attribute():
                return (self._column(e, "boolean"),)
            case Call("has", Attribute() as attribute):
                if len(attribute.path) > 1:
                    owner = ".".join(attribute.path[:-1])
                    raise NotInSql(attribute.at, f"whether {owner} is an object cannot be asked", _COMPARE)
                return (f"{self._column(attribute, '')} IS NOT NULL",)
            case Call("segment", Constant(str(name))):
                return self._segment(name, e.at)
            case Compare():
                return self._compare(e)
            case In(Attribute() as attribute, Items(values)):
                return self._in(attribute, values)
            case Ask(Attribute() as attribute, method, Constant(str(part))):
                return self._ask(attribute, method, part, e.at)
        raise _refused(e)

    def _segment(self, name: str, at: int) -> Pieces:
        segment = self._segments[name]
        try:
            ways = [self.listed(Attribute((), at), segment.units)] if segment.units else []
            ways += [self.holds(parse(segment.condition))] if segment.condition else []
        except NotInSql as no:
            raise NotInSql(at, f"segment {name}, {no}", no.fix) from None
        return _joined(" OR ", ways) if ways else ("FALSE",)

    def listed(self, attribute: Attribute, values: Sequence[Scalar]) -> Pieces:
        """Whether it is one of these, in a list that may be long. Raises NotInSql."""
        self._listed += len(values)
        if self._listed > MOST_LISTED:
            raise NotInSql(attribute.at, f"it makes more than {MOST_LISTED:,} listed units", "join a table of them")
        return self._in(attribute, values)

    def count(self, at: int) -> None:
        """One comparison more. Raises NotInSql where there are too many."""
        self._compared += 1
        if self._compared > MOST_COMPARED:
            raise NotInSql(at, f"it makes more than {MOST_COMPARED:,} comparisons", "write a simpler condition")

    def _compare(self, e: Compare) -> Pieces:
        left, right, sign = e.left, e.right, str(e.operator)
        if isinstance(left, Constant) and isinstance(right, Attribute):
            left, right, sign = right, left, _MIRRORED[sign]
        match left, right:
            case Attribute() as attribute, Constant(value) if sign in _SIGNS or not isinstance(value, bool):
                return f"{self._column(attribute, _kind(value))} {_SIGNS.get(sign, sign)} ", *self._value(
                    attribute, value
                )
            case Attribute(), Attribute():
                raise NotInSql(e.at, "two attributes are compared, whose kinds are not known", _COMPARE)
            case _ if _is_condition(left) and _is_condition(right) and sign in _SIGNS:
                return "(", *self.holds(left), f") {_SIGNS[sign]} (", *self.holds(right), ")"
        raise _refused(e)

    def _in(self, attribute: Attribute, values: Iterable[Scalar]) -> Pieces:
        listed = list(dict.fromkeys(v for v in values if attribute.path or isinstance(v, str)))
        kinds = {_kind(value) for value in listed}
        if len(kinds) > 1:
            raise NotInSql(attribute.at, "the list holds several kinds, and a column one", "join the kinds by ||")
        if not listed:
            return self._for_all(attribute, "", "FALSE")
        column = self._column(attribute, kinds.pop())
        found: list[str | Parameter] = []
        for value in listed:
            found += [", " if found else f"{column} IN (", *self._value(attribute, value)]
        return *found, ")"

    def _ask(self, attribute: Attribute, method: str, part: str, at: int) -> Pieces:
        if not attribute.path and method != "startsWith":
            raise NotInSql(at, f"ids of more than {UNIT_BYTES} bytes are cut here, and not in the table", _COMPARE)
        form = _ASKED[self._dialect].get(method)
        if form is None:
            raise NotInSql(at, f"{self._dialect} has no patterns", "write startsWith, endsWith or contains")
        if not part and method != "matches":
            return self._for_all(attribute, "text", "TRUE")
        before, after = form.replace("{2}", str(len(part))).split("{1}")
        return before.replace("{0}", self._column(attribute, "text")), *self._value(attribute, part), after

    def _for_all(self, attribute: Attribute, kind: Kind | Literal[""], answer: str) -> Pieces:
        """The same for everybody who has the attribute."""
        column = self._column(attribute, kind)
        return (f"CASE WHEN {column} IS NOT NULL THEN {answer} END",)

    def _value(self, attribute: Attribute, value: Scalar) -> Pieces:
        if isinstance(value, bool):
            return (str(value).upper(),)
        if isinstance(value, str):
            if "\0" in value:
                raise NotInSql(attribute.at, "a text holds the character 0, which ends texts for some", _COMPARE)
            if not attribute.path and len(value.encode()) >= UNIT_BYTES:
                raise NotInSql(
                    attribute.at, f"a unit is cut at {UNIT_BYTES} bytes here, and not in the table", _COMPARE
                )
        elif abs(value) > EXACT:
            raise NotInSql(attribute.at, f"{value} is no exact number in every column", "write it as a text")
        return (Parameter(value),)

    def _column(self, attribute: Attribute, kind: Kind | Literal[""]) -> str:
        self.count(attribute.at)
        if not attribute.path:
            return f"coalesce(CAST({identifier(self._unit, self._dialect)} AS {_TEXT[self._dialect]}), '')"
        path = ".".join(attribute.path)
        if len(attribute.path) > 1 and path not in self._columns:
            raise NotInSql(attribute.at, f"{path} is a part of an object, and no column", "say which column it is")
        name = self._columns.get(path, path)
        seen, at = self.kinds.get(name, ("", 0))
        if seen and kind and seen != kind:
            reason = f"{name} is a {kind} here and a {seen} at character {at}, and a column is of one kind"
            raise NotInSql(attribute.at, reason, _COMPARE)
        self.kinds[name] = (seen, at) if seen else (kind, attribute.at)
        if self._dialect != "clickhouse" and any(o != name and o.lower() == name.lower() for o in self.kinds):
            raise NotInSql(attribute.at, f"another column is called {name} but for upper and lower case", _COMPARE)
        return identifier(name, self._dialect)


_COMPARE = "compare another attribute, which is a column of its own"


def _constant(e: Expression) -> str:
    yes, no = (compile_condition(asked, {})({}, "") for asked in (e, Not(e)))
    return "TRUE" if yes else "FALSE" if no else "NULL"


def _joined(word: str, operands: Iterable[Pieces]) -> Pieces:
    found: list[str | Parameter] = []
    for operand in operands:
        found += [f"){word}(" if found else "(", *operand]
    return *found, ")"


def _kind(value: Scalar) -> Kind:
    return "boolean" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"


def _is_condition(e: Expression) -> bool:
    """Whether it may be asked for alone; a column that is, is true or false."""
    if isinstance(e, Choice):
        return _is_condition(e.then) and _is_condition(e.otherwise)
    return (isinstance(e, Attribute) and bool(e.path)) or cel.is_condition(e)


def _refused(e: Expression) -> NotInSql:
    match e:
        case Compare(Call("semver"), _):
            what = "SQL has no versions"
        case Compare(Call("timestamp"), _):
            what = "a moment may be a text or a number, which a column is not both"
        case In(_, Call("cidr")):
            what = "SQL has no networks"
        case In(_, Attribute(path)):
            what = f"{'.'.join(path)} may be a list or an object, and a column is neither"
        case _:
            what = "it compares something else than an attribute with a constant"
    return NotInSql(e.at, what, _COMPARE)
