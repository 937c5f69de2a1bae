"""The last good ruleset on disk: what an app starts from while the server is away."""

from __future__ import annotations

import os
from pathlib import Path


class Cache:
    """Several processes may share one file: each write replaces it whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> bytes | None:
        """None when there is none that can be read."""
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def store(self, body: bytes) -> None:
        """Raises OSError. Readable by this user alone: rules and lists of units are nobody else's business."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(body)
        beside.replace(self._path)
