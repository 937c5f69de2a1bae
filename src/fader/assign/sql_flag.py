"""The variant of a flag as an expression of SQL over the columns of a table, or refused: never approximated.

It takes what decides a flag in the order in which `evaluate` does. What draws units by their bucket is refused, unless
it draws everybody or nobody: no engine has the hash of a bucket, which takes a seed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from fader.assign.cel import Attribute
from fader.assign.cel_parser import parse
from fader.assign.evaluate import rule_name
from fader.assign.sql import Dialect, NotInSql, Parameter, Pieces, SqlText, Writer
from fader.model.flag import Flag
from fader.model.segment import Segment
from fader.model.share import WHOLE

_HASH = "SQL has no such hash"
_AHEAD = "evaluate it in the app, or where the units are, by the SDK"


class NoSqlFlag(ValueError):
    """What SQL cannot say of a flag; `fix`: what to do instead."""

    def __init__(self, reason: str, fix: str) -> None:
        super().__init__(reason)
        self.reason, self.fix = reason, fix


def variant(
    flag: Flag,
    flags: Mapping[str, Flag],
    segments: Mapping[str, Segment],
    dialect: Dialect,
    unit: str = "unit",
    columns: Mapping[str, str] | None = None,
) -> SqlText:
    """The name of the variant that the unit of a row gets; never null. `flags`: all, for those that this one requires.
    `unit` and `columns` as in `sql.predicate`.

    Raises NoSqlFlag, CelError for a condition that is not sound, KeyError for a flag or segment that does not exist.
    """
    writer = Writer(segments, dialect, unit, columns or {})
    return writer.whole(_variant(flag, flags, writer))


def _variant(flag: Flag, flags: Mapping[str, Flag], writer: Writer) -> Pieces:
    if not flag.enabled:
        return (Parameter(flag.off),)
    cases: list[tuple[Pieces, str]] = []
    try:
        for required in flag.requires:
            writer.count(1)
            given = _variant(flags[required.flag], flags, writer)
            cases.append((("NOT (", *_one_of(given, required.variants), ")"), flag.off))
        for name in dict.fromkeys(forced.variant for forced in flag.forced):
            units = [forced.unit for forced in flag.forced if forced.variant == name]
            cases.append((writer.listed(Attribute((), 1), units), name))
    except NotInSql as no:
        raise NoSqlFlag(f"flag {flag.name}: {no}", no.fix) from None
    otherwise = flag.default
    for holds, name in _rules(flag, writer):
        if holds is None:  # everybody: what follows decides nothing
            otherwise = name
            break
        cases.append((holds, name))
    else:
        _drawn_by_nothing(flag)
    if not cases:
        return (Parameter(otherwise),)
    found: list[str | Parameter] = ["CASE"]
    for holds, name in cases:
        found += [" WHEN ", *holds, " THEN ", Parameter(name)]
    return *found, " ELSE ", Parameter(otherwise), " END"


def _rules(flag: Flag, writer: Writer) -> Iterator[tuple[Pieces | None, str]]:
    """When each rule applies, None for always, and the variant that it gives."""
    for position, rule in enumerate(flag.rules):
        name = f"flag {flag.name}, {rule_name(flag, position)}"
        if rule.share == 0:
            continue
        if rule.share < WHOLE:
            raise NoSqlFlag(f"{name}: its share draws units by a hash with a seed: {_HASH}", _AHEAD)
        try:
            yield writer.holds(parse(rule.condition)) if rule.condition else None, rule.variant
        except NotInSql as no:
            raise NoSqlFlag(f"{name}: {no}", no.fix) from None


def _drawn_by_nothing(flag: Flag) -> None:
    """Whom no rule settles gets the default, whatever their bucket. Raises NoSqlFlag where that is not so."""
    who = f"flag {flag.name}: "
    if flag.held:
        raise NoSqlFlag(f"{who}a holdout draws units by a hash with a seed: {_HASH}", _AHEAD)
    if flag.move and any(interval.width for _, interval in flag.move.arms):
        raise NoSqlFlag(f"{who}rollout {flag.move.rollout} draws units by a hash with a seed: {_HASH}", _AHEAD)
    if flag.split:
        raise NoSqlFlag(f"{who}its weights draw units by a hash with a seed: {_HASH}", _AHEAD)


def _one_of(given: Pieces, variants: tuple[str, ...]) -> Pieces:
    found: list[str | Parameter] = []
    for name in variants:
        found += [", " if found else " IN (", Parameter(name)]
    return ("(", *given, ")", *found, ")") if variants else ("FALSE",)
