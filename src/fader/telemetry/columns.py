"""Columns of numbers by a 64-bit key, in memory: tens of millions of them, read and changed by the thousand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

Keys = npt.NDArray[np.int64]
#: Of i4, i8 or f8; in an answer, of texts too.
Column = npt.NDArray[Any]

#: What a column holds of a key that is not there, by type.
NOTHING: dict[str, float] = {"i4": 0, "i8": 0, "f8": np.inf}


class Columns:
    """A few runs of sorted keys, each run at least twice as long as the next: finding costs a binary search in each,
    new keys cost a merge now and then, and a change is made in place. `kinds`: name of the column → i4, i8 or f8."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.kinds = dict(kinds)
        self._runs: list[tuple[Keys, dict[str, Column]]] = []

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    def find(self, keys: Keys) -> npt.NDArray[np.bool_]:
        """Which of the sorted `keys` are there."""
        there = np.zeros(len(keys), bool)
        for _, hits, _ in self._hits(keys):
            there[hits] = True
        return there

    def read(self, keys: Keys, names: tuple[str, ...] | None = None) -> dict[str, Column]:
        """The columns at the sorted `keys`."""
        found: dict[str, Column] = {
            name: np.full(len(keys), NOTHING[kind], kind)
            for name, kind in self.kinds.items()
            if names is None or name in names
        }
        for columns, hits, places in self._hits(keys):
            for name, values in found.items():
                values[hits] = columns[name][places]
        return found

    def write(self, keys: Keys, values: Mapping[str, Column]) -> None:
        """Set all columns at the sorted, distinct `keys`, which need not be there yet."""
        there = np.zeros(len(keys), bool)
        for columns, hits, places in self._hits(keys):
            there[hits] = True
            for name in self.kinds:
                columns[name][places] = values[name][hits]
        if not there.all():
            new = ~there
            columns = {name: np.asarray(values[name][new], kind) for name, kind in self.kinds.items()}
            self._runs.append((keys[new], columns))
            while len(self._runs) > 1 and 2 * len(self._runs[-1][0]) >= len(self._runs[-2][0]):
                self._runs.append(_merged(self._runs.pop(), self._runs.pop()))

    def parts(self, size: int = 65_536) -> Iterator[Keys]:
        """All keys, some at a time, each part sorted."""
        for keys, _ in self._runs:
            for begin in range(0, len(keys), size):
                yield keys[begin : begin + size]

    def pack(self) -> dict[str, bytes]:
        """Everything as bytes, "" for the keys."""
        packed = {"": b"".join(keys.tobytes() for keys, _ in self._runs)}
        for name in self.kinds:
            packed[name] = b"".join(columns[name].tobytes() for _, columns in self._runs)
        return packed

    def unpack(self, packed: Mapping[str, bytes]) -> None:
        """What `pack` gave, into an empty table."""
        keys = np.frombuffer(packed[""], np.int64)
        order = np.argsort(keys, kind="stable")
        columns = {name: np.frombuffer(packed[name], kind)[order] for name, kind in self.kinds.items()}
        if len(keys):
            self._runs = [(keys[order], columns)]

    def _hits(self, keys: Keys) -> Iterator[tuple[dict[str, Column], Keys, Keys]]:
        """By run: its columns, which of the keys it holds, and where."""
        for run, columns in self._runs:
            places = np.searchsorted(run, keys)
            places[places == len(run)] = 0
            hits = np.flatnonzero(run[places] == keys)
            if len(hits):
                yield columns, hits, places[hits]


def _merged(a: tuple[Keys, dict[str, Column]], b: tuple[Keys, dict[str, Column]]) -> tuple[Keys, dict[str, Column]]:
    keys = np.concatenate([a[0], b[0]])
    order = np.argsort(keys, kind="stable")
    return keys[order], {name: np.concatenate([a[1][name], b[1][name]])[order] for name in a[1]}


def together(parts: list[tuple[Keys, dict[str, Column]]], kinds: Mapping[str, str]) -> tuple[Keys, dict[str, Column]]:
    """Parts of which each has some of the columns, as one: sorted keys; equal ones add up, and of times (f8) the
    earliest remains."""
    keys, places = np.unique(np.concatenate([np.empty(0, np.int64), *(k for k, _ in parts)]), return_inverse=True)
    columns: dict[str, Column] = {name: np.full(len(keys), NOTHING[kind], kind) for name, kind in kinds.items()}
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
