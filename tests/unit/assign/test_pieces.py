"""Weights of variants as pieces: exact, and as little moved as the weights allow."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.assign.evaluate import Flags
from fader.assign.pieces import reweighted, weights
from fader.model.flag import Flag, Piece, Variant
from fader.model.share import WHOLE, Interval

NAMES = ("a", "b", "c", "d")


@st.composite
def wholes(draw: st.DrawFn) -> dict[str, int]:
    """Weights of some variants, among them nobody's, and of the finest step."""
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, unique=True))
    some = st.one_of(st.sampled_from([0, 1, 500_000, WHOLE]), st.integers(0, WHOLE))
    cuts = sorted(draw(some) for _ in names[1:])
    return {n: hi - lo for n, lo, hi in zip(names, [0, *cuts], [*cuts, WHOLE], strict=True)}


def owner(pieces: tuple[Piece, ...], bucket: int) -> str:
    (found,) = (p.variant for p in pieces if bucket in p.interval)
    return found


def moved(before: tuple[Piece, ...], after: tuple[Piece, ...]) -> int:
    edges = sorted({0, WHOLE, *(p.interval.start for p in (*before, *after))})
    return sum(hi - lo for lo, hi in itertools.pairwise(edges) if owner(before, lo) != owner(after, lo))


@given(st.lists(wholes(), min_size=1, max_size=6))
def test_every_bucket_has_one_owner_and_no_more_move_than_must(asked: list[dict[str, int]]) -> None:
    pieces: tuple[Piece, ...] = ()
    for wanted in asked:
        before, pieces = pieces, reweighted(pieces, wanted)
        assert weights(pieces) == {name: width for name, width in wanted.items() if width}
        edges = [p.interval.start for p in pieces] + [WHOLE]
        assert edges == [0, *(p.interval.start + p.interval.width for p in pieces)]
        if before:
            old = weights(before)
            least = sum(max(0, wanted.get(n, 0) - old.get(n, 0)) for n in NAMES)
            assert moved(before, pieces) == least


@given(wholes())
def test_the_same_weights_again_and_a_variant_of_weight_0_move_nobody(wanted: dict[str, int]) -> None:
    pieces = reweighted((), wanted)
    assert reweighted(pieces, wanted) == pieces
    assert reweighted(pieces, {**wanted, "new": 0}) == pieces


def test_a_variant_that_grows_keeps_what_it_had() -> None:
    held = reweighted((), {"a": 500_000, "b": 300_000, "c": 200_000})
    assert reweighted(held, {"a": 400_000, "b": 300_000, "c": 300_000}) == (
        Piece("a", Interval(0, 400_000)),
        Piece("c", Interval(400_000, 100_000)),
        Piece("b", Interval(500_000, 300_000)),
        Piece("c", Interval(800_000, 200_000)),
    )


@pytest.mark.parametrize("wanted", [{"a": 1}, {"a": WHOLE + 1, "b": -1}])
def test_weights_that_are_no_whole_are_refused(wanted: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="no whole"):
        reweighted((), wanted)


def test_units_get_the_variant_that_holds_their_bucket() -> None:
    variants = tuple(Variant(name, name) for name in "abc")
    split = reweighted((), {"a": 500_000, "b": 499_999, "c": 1})
    flags = Flags((Flag("plan", "string", variants, "a", "a", split=split),))
    found = [flags.evaluate("plan", f"u{i}", {}) for i in range(4_000)]
    assert {f.reason for f in found} == {"SPLIT"}
    share = sum(f.value == "a" for f in found) / len(found)
    assert abs(share - 0.5) < 0.04, "five standard errors"
    nobody = flags.evaluate("plan", "", {})
    assert (nobody.value, nobody.reason) == ("a", "STATIC")
