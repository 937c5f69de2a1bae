"""Columns of numbers by a 64-bit key, in memory: tens of millions of them, read and changed by the thousand."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
#: Of i4, i8 or f8; in an answer, of texts too.
Column = npt.NDArray[Any]

#: Bytes of a column by which is seen whether it shrinks to half, and threads that compress.
SAMPLE, PACKERS = 1_000_000, 2
#: What a column holds of a key that is not there, by type.
NOTHING: dict[str, float] = {"i4": 0, "i8": 0, "f8": np.inf}


@dataclass(frozen=True, slots=True)
class Places:
    """Some keys, which of them are there, and by run where: (its columns, indexes of the keys, places in the run)."""

    keys: Keys
    there: npt.NDArray[np.bool_]
    found: list[tuple[dict[str, Column], Keys, Keys]]


class Columns:
    """A few runs of sorted keys, each run at least twice as long as the next: finding costs a binary search in each,
    new keys cost a merge now and then, and a change is made in place. `kinds`: name of the column → i4, i8 or f8."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.kinds = dict(kinds)
        self._runs: list[tuple[Keys, dict[str, Column]]] = []

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    def locate(self, keys: Keys) -> Places:
        """Where the sorted, distinct `keys` are. Good until the next write of new keys."""
        places = Places(keys, np.zeros(len(keys), bool), [])
        for run, columns in self._runs:
            at = np.searchsorted(run, keys)
            at[at == len(run)] = 0
            hits = np.flatnonzero(run[at] == keys)
            if len(hits):
                places.there[hits] = True
                places.found.append((columns, hits, at[hits]))
        return places

    def read(self, places: Places, names: tuple[str, ...] | None = None) -> dict[str, Column]:
        """The columns there; of keys that are not, what NOTHING says."""
        read: dict[str, Column] = {
            name: np.full(len(places.keys), NOTHING[kind], kind)
            for name, kind in self.kinds.items()
            if names is None or name in names
        }
        for columns, hits, at in places.found:
            for name, values in read.items():
                values[hits] = columns[name][at]
        return read

    def write(self, places: Places, values: Mapping[str, Column], new: npt.NDArray[np.bool_] | None = None) -> None:
        """Set all columns there, and add those of the `new` keys that are not there yet (None: all of them)."""
        for columns, hits, at in places.found:
            for name in self.kinds:
                columns[name][at] = values[name][hits]
        fresh = ~places.there if new is None else ~places.there & new
        if fresh.any():
            columns = {name: np.asarray(values[name][fresh], kind) for name, kind in self.kinds.items()}
            self._runs.append((places.keys[fresh], columns))
            while len(self._runs) > 1 and 2 * len(self._runs[-1][0]) >= len(self._runs[-2][0]):
                self._runs.append(_merged(self._runs.pop(), self._runs.pop()))

    def nothing(self, count: int) -> dict[str, Column]:
        """The columns of so many keys that are not there."""
        return {name: np.full(count, NOTHING[kind], kind) for name, kind in self.kinds.items()}

    def pack(self) -> Iterator[tuple[str, bytes]]:
        """Everything as bytes by column, "" for the keys; `z:` before the name of one that was worth compressing."""
        with ThreadPoolExecutor(PACKERS) as pool:  # zlib works beside the others
            yield from pool.map(self._packed, ("", *self.kinds))

    def _packed(self, name: str) -> tuple[str, bytes]:
        data = b"".join((columns[name] if name else keys).tobytes() for keys, columns in self._runs)
        sample = data[:SAMPLE]
        if len(zlib.compress(sample, 1)) > len(sample) // 2:
            return name, data
        return f"z:{name}", zlib.compress(data, 1)

    def unpack(self, given: Mapping[str, bytes]) -> None:
        """What `pack` gave, into an empty table."""
        packed = {n.removeprefix("z:"): zlib.decompress(d) if n.startswith("z:") else d for n, d in given.items()}
        keys = np.frombuffer(packed[""], np.int64)
        order = np.argsort(keys, kind="stable")
        columns = {name: np.frombuffer(packed[name], kind)[order] for name, kind in self.kinds.items()}
        if len(keys):
            self._runs = [(keys[order], columns)]


def _merged(a: tuple[Keys, dict[str, Column]], b: tuple[Keys, dict[str, Column]]) -> tuple[Keys, dict[str, Column]]:
    """One column after the other, each given back before the next, so that memory never holds all of it twice."""
    keys = np.concatenate([a[0], b[0]])
    order = np.argsort(keys, kind="stable")
    return keys[order], {name: np.concatenate([a[1].pop(name), b[1].pop(name)])[order] for name in list(a[1])}


def together(parts: list[tuple[Keys, dict[str, Column]]], kinds: Mapping[str, str]) -> tuple[Keys, dict[str, Column]]:
    """Parts of which each has some of the columns, as one: sorted keys; equal ones add up, and of times (f8) the
    earliest remains."""
    some_of = [(keys, columns) for keys, columns in parts if len(keys)]
    if len(some_of) == 1 and _distinct(order := np.argsort(some_of[0][0]), some_of[0][0]):
        (keys, given), made = some_of[0], Columns(kinds).nothing(len(order))
        return keys[order], made | {name: np.asarray(v[order], kinds[name]) for name, v in given.items()}
    keys, places = np.unique(np.concatenate([np.empty(0, np.int64), *(k for k, _ in parts)]), return_inverse=True)
    columns = Columns(kinds).nothing(len(keys))
    begin = 0
    for part, some in parts:
        at = places[begin : begin + len(part)]
        begin += len(part)
        for name, values in some.items():
            if kinds[name] == "f8":
                np.minimum.at(columns[name], at, np.asarray(values, "f8"))
            else:
                np.add.at(columns[name], at, np.asarray(values, kinds[name]))
    return keys, columns


def _distinct(order: Keys, keys: Keys) -> bool:
    ordered = keys[order]
    return bool((ordered[1:] != ordered[:-1]).all())
