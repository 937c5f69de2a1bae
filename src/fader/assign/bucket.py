"""The bucketing contract. Published: a change of a single bit here moves every user of every rollout.

    bucket(unit, salt) = xxh64(unit[:256 bytes], seed=xxh64(salt)) mod 1,000,000

A running Envoy computes the same (its `runtime_fraction` matcher hashes with XXH64 and a seed), and
`tests/vectors/` holds golden values for both.
"""

from __future__ import annotations

from functools import lru_cache

import xxhash

from fader.model.share import WHOLE, Interval

#: Longer ids are cut here, everywhere alike: in Python, in Envoy, in SQL.
UNIT_BYTES = 256
#: So many characters are never more than UNIT_BYTES bytes of UTF-8, and need not be cut.
SURELY_SHORT = UNIT_BYTES // 4


@lru_cache(maxsize=4096)
def seed(salt: str) -> int:
    """The 64-bit seed of a salt such as `shop/shop-v2`."""
    return xxhash.xxh64_intdigest(salt.encode())


def bucket(unit: str, salt: str) -> int:
    """The bucket of a unit, 0..999,999. An empty unit has none: raises ValueError."""
    if not unit:
        raise ValueError("an empty unit has no bucket")
    return xxhash.xxh64_intdigest(unit.encode()[:UNIT_BYTES], seed(salt)) % WHOLE


def cut(unit: str) -> str:
    """The unit as it is looked up in lists: not longer than what its bucket is made of.

    A character that is cut in the middle stays half a character, which no list holds.
    """
    if len(unit) <= SURELY_SHORT:
        return unit
    return unit.encode()[:UNIT_BYTES].decode(errors="surrogateescape")


def chosen(unit: str, salt: str, interval: Interval) -> bool:
    """Whether the unit gets the candidate that holds `interval`. No unit: never."""
    return bool(unit) and bucket(unit, salt) in interval
