"""Whom a rollout reaches at all, whatever its share: those in its layer, and in no holdout."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from xxhash import xxh64_intdigest

from fader.assign.bucket import UNIT_BYTES, seed
from fader.model.share import WHOLE, Draw


def drawn(draw: Draw) -> Callable[[str], bool]:
    """Whether a unit that is somebody is one of them."""
    salt, (lo, hi), (lo2, hi2) = seed(draw.salt), *draw.interval.pieces()

    def inside(unit: str) -> bool:
        bucket = xxh64_intdigest(unit.encode()[:UNIT_BYTES], salt) % WHOLE
        return lo <= bucket < hi or lo2 <= bucket < hi2

    return inside


def reached(layer: Draw | None, holdouts: Iterable[Draw]) -> Callable[[str], bool]:
    """Of a unit that is somebody. Layer and holdouts draw by salts of their own, so that who is reached says nothing of
    who gets the candidate."""
    ours = drawn(layer) if layer else None
    held = tuple(drawn(draw) for draw in holdouts)

    def reaches(unit: str) -> bool:
        return (ours is None or ours(unit)) and not any(keeps(unit) for keeps in held)

    return reaches if ours or held else _everybody


def _everybody(_unit: str) -> bool:
    return True
