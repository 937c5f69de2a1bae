"""The last good ruleset on disk: what an app starts from while the server is away."""

from __future__ import annotations

import os
from pathlib import Path

#: Bytes of changes that are kept beside any ruleset, before they are as long as itself.
FEW = 250_000


class Cache:
    """A whole ruleset and the changes since, a line for each: a change is kept without writing JSON anew, which would
    hold the app up. Several processes may share one file: each write replaces it whole."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lines: list[bytes] = []

    def load(self) -> list[bytes]:
        """The whole and the changes; nothing when there is none that can be read."""
        try:
            return self._path.read_bytes().split(b"\n")
        except OSError:
            return []

    @property
    def full(self) -> bool:
        """Whether the changes outgrow the whole, so that it had better be asked for again."""
        whole, *changes = self._lines or [b""]
        return sum(map(len, changes)) > max(FEW, len(whole))

    def store(self, body: bytes) -> None:
        """A whole ruleset. Raises OSError."""
        self._lines = [_line(body)]
        self._write()

    def add(self, change: bytes) -> None:
        """To what was stored. Raises OSError."""
        self._lines.append(_line(change))
        self._write()

    def _write(self) -> None:
        """Readable by this user alone: rules and lists of units are nobody else's business."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(b"\n".join(self._lines))
        beside.replace(self._path)


def _line(body: bytes) -> bytes:
    """Line ends in JSON lie between its words alone."""
    return body.replace(b"\n", b" ")
