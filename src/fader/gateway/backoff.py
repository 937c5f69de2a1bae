"""How long to wait before trying again."""

from __future__ import annotations


class Backoff:
    """Doubles from `first` to `most` seconds; `reset` after a success. With `free` tries the first ones do not wait."""

    def __init__(self, first: float, most: float, free: int = 0) -> None:
        self._first = first
        self._most = most
        self._free = free
        self._tries = 0

    def next(self) -> float:
        """Seconds to wait now."""
        tried = self._tries - self._free
        self._tries += 1
        return 0.0 if tried < 0 else min(self._first * 2 ** min(tried, 32), self._most)

    def reset(self) -> None:
        self._tries = 0
