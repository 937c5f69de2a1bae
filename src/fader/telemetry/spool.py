"""Bytes that gateways handed over and that are not in the tables yet: one file per acknowledged batch.

A batch is written beside, synced, renamed into place, and the directory synced: it is there whole or not at all, so
nothing that was acknowledged is lost by a kill or a power cut, and there is no torn tail to repair. Its name says
which bytes of which segment it holds; the tables say up to which byte a segment was taken over. A batch below that
mark is a left-over of a crash between commit and delete.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from urllib.parse import quote, unquote

from fader.errors import BadInput, Corrupt, Problem

Segment = tuple[str, str]

#: What `add` takes; no gateway is called so.
OWN: Segment = ("", "events")

#: Percent-encoded gateway and segment names longer than this do not fit into a file name.
NAME_BYTES = 100


@dataclass(frozen=True, slots=True)
class Batch:
    """Bytes [offset, end) of a segment, in the file `path`."""

    gateway: str
    segment: str
    offset: int
    end: int
    path: Path

    @property
    def key(self) -> Segment:
        return self.gateway, self.segment


def check(gateway: str, segment: str, offset: int) -> None:
    """Raises BadInput for what no gateway sends: an empty or overlong name, a negative offset."""
    for what, name in (("gateway", gateway), ("segment", segment)):
        try:
            size = len(quote(name, safe=""))
        except UnicodeEncodeError:
            size = 0
        if not 0 < size <= NAME_BYTES:
            raise BadInput(Problem(f"the {what} name {name!r} is empty or too long", "use 1 to 100 plain characters"))
    if offset < 0:
        raise BadInput(Problem(f"offset {offset} is negative", "count bytes from the start of the segment"))


def unheld(held: int, offset: int, lines: bytes) -> bytes:
    """The whole lines of `lines` (which begin at `offset`) that lie beyond the first `held` bytes."""
    if offset > held:
        return b""
    return lines[held - offset : lines.rfind(b"\n") + 1]


class Spool:
    """`taken`: what the tables hold of each segment. Safe to use from several threads."""

    def __init__(self, folder: Path, taken: Mapping[Segment, int]) -> None:
        self._folder = folder
        self._lock = Lock()
        self._held = dict(taken)
        self._waiting: list[Batch] = []
        folder.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder.parent)
        for path in sorted(folder.iterdir()):
            if path.suffix == ".part":
                path.unlink()  # a batch whose writing was cut off: never acknowledged
                continue
            batch = _named(path)
            if batch.end <= taken.get(batch.key, 0):
                path.unlink()
            else:
                self._waiting.append(batch)
                self._held[batch.key] = max(self._held.get(batch.key, 0), batch.end)

    def append(self, gateway: str, segment: str, offset: int, lines: bytes) -> int:
        """As EventStore.append. Raises BadInput, or OSError when the disk refuses (nothing is acknowledged then)."""
        check(gateway, segment, offset)
        with self._lock:
            held = self._held.get((gateway, segment), 0)
            fresh = unheld(held, offset, lines)
            return self._take((gateway, segment), held, fresh) if fresh else held

    def add(self, lines: bytes) -> None:
        """Take whole lines of no gateway, after all that were taken. Raises OSError when the disk refuses."""
        with self._lock:
            self._take(OWN, self._held.get(OWN, 0), lines)

    def _take(self, key: Segment, held: int, fresh: bytes) -> int:
        end = held + len(fresh)
        name = "=".join((*(quote(part, safe="") for part in key), f"{held:015d}", f"{end:015d}"))
        path = self._folder / f"{name}.ndjson"
        _write(path, fresh)
        self._waiting.append(Batch(*key, held, end, path))
        self._held[key] = end
        return end

    def waiting(self, limit: int) -> list[Batch]:
        """The next batches in order of arrival, together about `limit` bytes, at least one if there is any."""
        batches: list[Batch] = []
        size = 0
        with self._lock:
            for batch in self._waiting:
                if batches and size + batch.end - batch.offset > limit:
                    break
                batches.append(batch)
                size += batch.end - batch.offset
        return batches

    def done(self, batches: Iterable[Batch]) -> None:
        """They are in the tables, durably."""
        gone = set(batches)
        with self._lock:
            self._waiting = [batch for batch in self._waiting if batch not in gone]
        for batch in gone:
            batch.path.unlink(missing_ok=True)

    def drop(self, segments: Iterable[Segment]) -> None:
        """Forget the marks of segments that no gateway has any more; those with waiting batches stay."""
        with self._lock:
            busy = {batch.key for batch in self._waiting}
            for key in segments:
                if key not in busy:
                    self._held.pop(key, None)


def _named(path: Path) -> Batch:
    try:
        gateway, segment, offset, end = path.stem.split("=")
        batch = Batch(unquote(gateway), unquote(segment), int(offset), int(end), path)
    except ValueError as error:
        raise Corrupt(f"{path}: not a file of fader's spool\n  fix: move it out of {path.parent}") from error
    size = path.stat().st_size
    if size != batch.end - batch.offset:
        raise Corrupt(
            f"{path}: holds {size} bytes instead of {batch.end - batch.offset}\n  fix: restore it, or move it "
            "away to go on without these requests"
        )
    return batch


def _write(path: Path, data: bytes) -> None:
    part = path.with_suffix(".part")
    try:
        with part.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
