"""What a gateway can test of a request, as a tree: comparisons of texts, joined by not, and, or."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from fader.model.request import RequestText

How = Literal["is", "begins", "ends", "contains", "matches"]


@dataclass(frozen=True, slots=True)
class Present:
    """There is such a text, and it is not empty."""

    text: RequestText


@dataclass(frozen=True, slots=True)
class Compared:
    """There is such a text, and it is `what`, or begins with it, ends with it, contains it, or the pattern `what` (see
    `fader.assign.pattern`) is found in it. `what` is never empty."""

    text: RequestText
    how: How
    what: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The unit is in the list of the segment."""

    segment: str


@dataclass(frozen=True, slots=True)
class Inverse:
    operand: Predicate


@dataclass(frozen=True, slots=True)
class Every:
    """Without operands: everybody."""

    operands: tuple[Predicate, ...] = ()


@dataclass(frozen=True, slots=True)
class Some:
    """Without operands: nobody."""

    operands: tuple[Predicate, ...] = ()


Predicate = Present | Compared | Listed | Inverse | Every | Some

EVERYBODY, NOBODY = Every(), Some()


def every(operands: Iterable[Predicate]) -> Predicate:
    """All of them, without what decides nothing."""
    found = [part for o in operands for part in (o.operands if isinstance(o, Every) else (o,))]
    if NOBODY in found:
        return NOBODY
    return found[0] if len(found) == 1 else Every(tuple(found))


def some(operands: Iterable[Predicate]) -> Predicate:
    """One of them at least, without what decides nothing."""
    found = [part for o in operands for part in (o.operands if isinstance(o, Some) else (o,))]
    if EVERYBODY in found:
        return EVERYBODY
    return found[0] if len(found) == 1 else Some(tuple(found))


def inverse(operand: Predicate) -> Predicate:
    match operand:
        case Inverse(inside):
            return inside
        case Every(()):
            return NOBODY
        case Some(()):
            return EVERYBODY
    return Inverse(operand)


def texts(predicate: Predicate) -> Iterator[RequestText]:
    """Everything that is looked at, as often as it is."""
    return (leaf.text for leaf in _leaves(predicate) if isinstance(leaf, Present | Compared))


def lists(predicate: Predicate) -> Iterator[str]:
    """The segments whose lists are looked into."""
    return (leaf.segment for leaf in _leaves(predicate) if isinstance(leaf, Listed))


def _leaves(predicate: Predicate) -> Iterator[Present | Compared | Listed]:
    match predicate:
        case Present() | Compared() | Listed():
            yield predicate
        case Inverse(operand):
            yield from _leaves(operand)
        case Every(operands) | Some(operands):
            for operand in operands:
                yield from _leaves(operand)
