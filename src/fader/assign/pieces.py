"""Weights of variants as pieces of the buckets, moved as little as can be when the weights change."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from fader.model.flag import Piece
from fader.model.share import WHOLE, Interval


def weights(pieces: Iterable[Piece]) -> dict[str, int]:
    """What each variant holds, in ppm."""
    found: dict[str, int] = {}
    for piece in pieces:
        found[piece.variant] = found.get(piece.variant, 0) + piece.interval.width
    return found


def reweighted(held: Sequence[Piece], wanted: Mapping[str, int]) -> tuple[Piece, ...]:
    """Pieces with these weights (ppm, WHOLE together), of which no more buckets change hands than the weights demand:
    a variant that shrinks gives up its last buckets, and one that grows gets of these and keeps all it had.

    `held` is (), or holds every bucket once. Raises ValueError for weights that are no whole.
    """
    if sum(wanted.values()) != WHOLE or min(wanted.values()) < 0:
        raise ValueError(f"the weights {dict(wanted)} are no whole")
    left = dict(wanted)
    kept: list[Piece] = []
    free: list[Interval] = [] if held else [Interval(0, WHOLE)]
    for piece in sorted(held, key=lambda p: p.interval.start):
        width = min(piece.interval.width, left.get(piece.variant, 0))
        start, rest = piece.interval.start, piece.interval.width - width
        if width:
            kept.append(Piece(piece.variant, Interval(start, width)))
            left[piece.variant] -= width
        if rest:
            free.append(Interval(start + width, rest))
    growing = [(variant, width) for variant, width in left.items() if width]
    for gap in free:
        at = gap.start
        while at < gap.start + gap.width:
            variant, need = growing[0]
            width = min(need, gap.start + gap.width - at)
            kept.append(Piece(variant, Interval(at, width)))
            at += width
            growing[0] = (variant, need - width)
            if need == width:
                growing.pop(0)
    return _joined(sorted(kept, key=lambda p: p.interval.start))


def _joined(ordered: Sequence[Piece]) -> tuple[Piece, ...]:
    """Neighbours of one variant are one piece."""
    joined: list[Piece] = []
    for piece in ordered:
        if joined and joined[-1].variant == piece.variant:
            last = joined[-1].interval
            joined[-1] = Piece(piece.variant, Interval(last.start, last.width + piece.interval.width))
        else:
            joined.append(piece)
    return tuple(joined)
