"""Envoy's access log on disk as a row of segments: named, rotated, bounded, deleted once the server holds them.

The file that Envoy writes is the last segment; it has its name from the beginning, because it is shipped while it
grows. Offsets are bytes of that file. Names are unique and sort by age.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from fader.clock import Clock, system_clock
from fader.gateway import durable_file

#: Pieces in which a dropped segment is read to count its lines.
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True)
class Segment:
    """`final`: nobody writes to it any more, and it ends with a whole line."""

    name: str
    path: Path
    size: int
    held: int
    final: bool


class _Record(msgspec.Struct):
    """What is known of the spool beyond its files. Losing it costs nothing but the counts: the server knows best
    what it holds."""

    held: dict[str, int] = {}
    shipped_lines: int = 0
    dropped_lines: int = 0


class Spool:
    """`limit`: most bytes on disk; beyond it the oldest whole segments are dropped and their lines counted."""

    def __init__(
        self,
        access_log: Path,
        directory: Path,
        *,
        limit: int = 1 << 30,
        segment_bytes: int = 32 << 20,
        segment_age: float = 300.0,
        clock: Clock = system_clock,
    ) -> None:
        self._active_path = access_log
        self._directory = directory
        self._limit = limit
        self._segment_bytes = max(min(segment_bytes, limit // 4), 1)
        self._segment_age = segment_age
        self._clock = clock
        self._record_file = directory / "held.json"
        self._name_file = directory / "active"
        directory.mkdir(mode=0o700, exist_ok=True)
        self._record = self._load()
        self._active = self._recover_name()
        self._born = time.monotonic()
        self._finished: set[str] = set()

    @property
    def shipped_lines(self) -> int:
        return self._record.shipped_lines

    @property
    def dropped_lines(self) -> int:
        return self._record.dropped_lines

    def segments(self) -> list[Segment]:
        """Oldest first, the one that Envoy writes now at the end."""
        held = self._record.held
        found = [
            Segment(path.stem, path, path.stat().st_size, held.get(path.stem, 0), final=path.stem in self._finished)
            for path in sorted(self._directory.glob("*.log"))
        ]
        size = _size(self._active_path)
        if size:
            found.append(Segment(self._active, self._active_path, size, held.get(self._active, 0), final=False))
        return found

    def bytes(self) -> int:
        return sum(segment.size for segment in self.segments())

    def due(self) -> bool:
        """Whether the growing segment is large or old enough to be closed."""
        size = _size(self._active_path)
        if not size:
            self._born = time.monotonic()
        return size >= self._segment_bytes or (size > 0 and time.monotonic() - self._born >= self._segment_age)

    def rotate(self) -> None:
        """Close the growing segment by a rename. Envoy writes on into the renamed file until it opens its logs again:
        it is finished by `finish` once that has happened."""
        if _size(self._active_path):
            self._active_path.rename(self._directory / f"{self._active}.log")
            durable_file.sync_directory(self._directory)
            self._name(self._next_name(self._active))
        self._born = time.monotonic()

    def waiting(self) -> bool:
        """Whether a closed segment waits for `finish`."""
        return any(path.stem not in self._finished for path in self._directory.glob("*.log"))

    def reopened(self) -> bool:
        """Whether Envoy has opened a new file: from then on it does not write to those before."""
        return self._active_path.exists()

    def finish(self) -> None:
        """Nobody writes to the closed segments any more. A last line that was cut off (Envoy killed in the middle of
        it) is closed, so that it can never run into another one."""
        for path in self._directory.glob("*.log"):
            if path.stem in self._finished:
                continue
            with path.open("rb+") as file:
                if file.seek(0, 2):
                    file.seek(-1, 2)
                    if file.read(1) != b"\n":
                        file.write(b"\n")
            self._finished.add(path.stem)

    def acknowledge(self, name: str, held: int, lines: int) -> None:
        """The server holds `name` up to byte `held`; `lines` of them were new. A final segment that it holds whole
        is deleted."""
        self._record.held[name] = held
        self._record.shipped_lines += lines
        path = self._directory / f"{name}.log"
        if name in self._finished and held >= path.stat().st_size:
            durable_file.remove(path)
            self._finished.discard(name)
            del self._record.held[name]
        self._store()

    def bound(self, count: Callable[[Path, int], int] | None = None) -> int:
        """Drop the oldest closed segments while all are more than the limit. Returns how many lines were lost."""
        segments = self.segments()
        total = sum(segment.size for segment in segments)
        lost = 0
        for segment in segments:
            if total <= self._limit or segment.path == self._active_path:
                break
            lost += (count or count_lines)(segment.path, segment.held)
            durable_file.remove(segment.path)
            self._finished.discard(segment.name)
            self._record.held.pop(segment.name, None)
            total -= segment.size
        if lost:
            self._record.dropped_lines += lost
            self._store()
        return lost

    def _load(self) -> _Record:
        try:
            return msgspec.json.decode(durable_file.content(self._record_file) or b"{}", type=_Record)
        except msgspec.DecodeError:
            return _Record()

    def _store(self) -> None:
        # Not synced: after a loss of power the server says again what it holds.
        durable_file.replace(self._record_file, msgspec.json.encode(self._record), sync=False)

    def _recover_name(self) -> str:
        """The name of the growing segment. It must survive anything, else its lines would be sent twice."""
        name = (durable_file.content(self._name_file) or b"").decode()
        closed = sorted(path.stem for path in self._directory.glob("*.log"))
        if not name or (closed and closed[-1] >= name):
            # The agent ended between the rename and the new name.
            name = self._name(self._next_name(closed[-1] if closed else name))
        known = {*closed, name}
        self._record.held = {key: value for key, value in self._record.held.items() if key in known}
        return name

    def _next_name(self, last: str) -> str:
        """Sorts after `last`, even if the clock was set back: then the number goes on from the same time."""
        seconds = self._clock()
        whole = time.strftime("%Y%m%dT%H%M%S", time.gmtime(seconds))
        stamp = f"{whole}.{int(seconds % 1 * 1_000_000):06d}"
        last_stamp, _, number = last.partition("-")
        if last and stamp <= last_stamp:
            return f"{last_stamp}-{int(number or 0) + 1:04d}"
        return f"{stamp}-0001"

    def _name(self, name: str) -> str:
        durable_file.replace(self._name_file, name.encode())
        self._active = name
        return name


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def count_lines(path: Path, since: int) -> int:
    """Lines of a file from byte `since` on."""
    lines = 0
    with path.open("rb") as file:
        file.seek(since)
        while piece := file.read(_PIECE):
            lines += piece.count(b"\n")
    return lines
