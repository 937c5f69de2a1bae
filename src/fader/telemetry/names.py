"""Everything that occurred in a stage by name, and in how many units of each arm: what nobody thought of to measure."""

from __future__ import annotations

from typing import Any, Literal

import msgspec
import numpy as np
import numpy.typing as npt

from fader.model.evidence import NameEvidence
from fader.ports.events import Cell, Names
from fader.telemetry import statements as sql
from fader.telemetry.columns import Column, Columns, Keys
from fader.telemetry.line import key as hash_of
from fader.telemetry.questions import Extent, event_names, key_ranges, route_names, touched_units
from fader.telemetry.rows import Rows
from fader.telemetry.sums import Sums, both
from fader.telemetry.terms import Source

Kind = Literal["event", "route", "fingerprint"]

#: Names of a stage that are looked at; those that come later are counted as dropped.
MOST = 10_000
#: Dropped names that are told apart.
MOST_DROPPED = 100_000

#: What the names of requests are, and the statements that find them.
REQUESTED: tuple[tuple[Kind, str], ...] = (("route", sql.ROUTES), ("fingerprint", sql.FAILED_ROUTES))
#: What exposed units did is called: the table, and the expression over it.
TRACKED: tuple[tuple[Kind, Source, str], ...] = (("event", "tracked", "name"), ("fingerprint", "tracked", "mark"))
#: Of a flag, whose arms a request does not tell, requests are what exposed units did.
VISITED: tuple[tuple[Kind, Source, str], ...] = (
    ("route", "requests", "coalesce(route, '')"),
    ("fingerprint", "requests", "CASE WHEN c >= 500 THEN rtrim(CAST(c AS VARCHAR) || ' ' || route) ELSE '' END"),
)


class Found(msgspec.Struct):
    """`at`: when it first occurred; `units`: with the baseline, with the candidate."""

    kind: Kind
    name: str
    at: float
    units: list[int]

    @property
    def key(self) -> int:
        return hash_of(f"{self.kind}/{self.name}")


class NameSums:
    """`exposed` holds the first exposures that the names of tracked events were counted from."""

    def __init__(self, cell: Cell, until: float) -> None:
        self._cell, self.until = cell, until
        self._found: dict[int, Found] = {}
        self._dropped: set[int] = set()
        self._folded = 0
        self.pairs = Columns({"there": "i4"})
        self.exposed = Columns({"first": "f8"})

    def found(self) -> Names:
        ordered = sorted(self._found.values(), key=lambda found: (found.at, found.kind, found.name))
        return Names(
            tuple(NameEvidence(f.kind, f.name, f.units[1], f.units[0]) for f in ordered if any(f.units)),
            len(self._dropped),
        )

    def fold(self, rows: Rows, sums: Sums) -> None:
        """Bring in what was loaded since; `sums` are those of the same cell, and are up to date."""
        extent = Extent(self._folded, sums.folded, self._cell.since, self.until)
        if extent.after >= extent.last:
            return
        for part in key_ranges(rows, extent):
            for kind, query in () if self._cell.flag else REQUESTED:
                self._take(kind, route_names(rows, query, self._cell, extent, part))
            self._take_events(rows, sums, extent, part)
        self._folded = extent.last

    def forget(self, unit: int) -> None:
        for arm in (0, 1):
            for label, found in self._found.items():
                pair = _pairs(np.array([label], np.int64), np.array([unit * 2 + arm], np.int64))
                at = self.pairs.locate(pair)
                if self.pairs.read(at)["there"][0]:
                    self.pairs.write(at, self.pairs.nothing(1))
                    found.units[arm] -= 1
            at = self.exposed.locate(np.array([unit * 2 + arm], np.int64))
            self.exposed.write(at, self.exposed.nothing(1), np.zeros(1, bool))

    def store(self) -> bytes:
        return msgspec.json.encode((self.until, self._folded, list(self._found.values()), list(self._dropped)))

    def restore(self, data: bytes) -> bool:
        """What `store` gave; False when the stage has another end since."""
        until, self._folded, found, dropped = msgspec.json.decode(
            data, type=tuple[float | None, int, list[Found], list[int]]
        )
        self._found = {f.key: f for f in found}
        self._dropped = set(dropped)
        return (np.inf if until is None else until) == self.until

    def _take_events(self, rows: Rows, sums: Sums, extent: Extent, part: tuple[int, int]) -> None:
        """What units did since the first exposure, which may have become known only now, or earlier."""
        units = touched_units(rows, self._cell, extent, part)
        if not len(units):
            return
        arms = both(units)
        at = self.exposed.locate(arms)
        first, before = sums.units.read(sums.units.locate(arms), ("first",))["first"], self.exposed.read(at)["first"]
        there, earlier = np.isfinite(first), first < before
        asked = [(there & ~earlier, extent)]
        if earlier.any():
            asked.append((earlier, Extent(0, extent.last, float(first[earlier].min()), extent.until)))
        for chosen, where in asked:
            if chosen.any():
                for kind, source, label in (*TRACKED, *(VISITED if self._cell.flag else ())):
                    named = event_names(rows, source, label, self._cell, where, part, arms[chosen], first[chosen])
                    self._take(kind, named)
        self.exposed.write(at, {"first": first}, there)

    def _take(self, kind: Kind, answer: dict[str, Any]) -> None:
        """`answer`: k, arm, label and time of the first, by unit and label."""
        texts, places = np.unique(np.asarray(answer["label"], object).astype(str), return_inverse=True)
        if not len(texts):
            return
        began = np.full(len(texts), np.inf)
        np.minimum.at(began, places, answer["at"])
        labels = np.zeros(len(texts), np.int64)
        for i in sorted(range(len(texts)), key=lambda i: (began[i], texts[i])):
            labels[i] = self._admit(kind, str(texts[i]), float(began[i]))
        units: Keys = answer["k"] * 2 + answer["arm"]
        admitted = labels[places] != 0
        label, arm = places[admitted], answer["arm"][admitted]
        pairs, index = np.unique(_pairs(labels[label], units[admitted]), return_index=True)
        at = self.pairs.locate(pairs)
        new = self.pairs.read(at)["there"] == 0
        self.pairs.write(at, {"there": np.ones(len(pairs), np.int32)})
        counts = np.bincount(label[index[new]] * 2 + arm[index[new]], minlength=2 * len(texts))
        for i in range(len(texts)):
            if labels[i]:
                units_of = self._found[int(labels[i])].units
                units_of[0] += int(counts[2 * i])
                units_of[1] += int(counts[2 * i + 1])

    def _admit(self, kind: Kind, name: str, at: float) -> int:
        """The key of a name, or 0 when there is no room for it."""
        found = Found(kind, name, at, [0, 0])
        key = found.key
        if key in self._found:
            self._found[key].at = min(self._found[key].at, at)
        elif len(self._found) < MOST:
            self._found[key] = found
        else:
            if len(self._dropped) < MOST_DROPPED:
                self._dropped.add(key)
            return 0
        return key


def _pairs(labels: npt.NDArray[np.int64], units: Column) -> Keys:
    """A hash of each label with the unit beside it: 63 bits, mixed as splitmix64 does."""
    x = labels.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) ^ units.astype(np.uint64)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)
