"""Two agents never work on one gateway directory, and a second Envoy is never started beside a living one.

Both are kernel locks (flock) on open files, so they end with their holder however it dies. The lock of Envoy is
taken by the agent and handed to Envoy as an open file: as long as that Envoy lives, the lock is held, whether or
not an agent is there to say so.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from fader.errors import BadInput, Problem


class Lock:
    """A lock on a file. `take` answers at once; the content of the file says who holds it, for people to read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1

    def take(self, holder: str) -> bool:
        """Whether the lock is now held by this object."""
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        os.ftruncate(fd, 0)
        os.pwrite(fd, holder.encode(), 0)
        self._fd = fd
        return True

    @property
    def fileno(self) -> int:
        """The open file that carries the lock. Only while held."""
        return self._fd

    def holder(self) -> str:
        """What the holder wrote, "" when nothing can be read."""
        try:
            return self.path.read_text().strip()
        except OSError:
            return ""

    def let_go(self) -> None:
        """Close this object's file. The lock ends unless another process has inherited it."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


def hold_directory(directory: Path) -> Lock:
    """Make this process the only agent of `directory`. Raises BadInput, naming the process that holds it."""
    lock = Lock(directory / "agent.lock")
    if lock.take(str(os.getpid())):
        return lock
    raise BadInput(
        Problem(
            message=f"the gateway directory is in use by another agent (process {lock.holder() or 'unknown'})",
            fix="stop that agent, or give this one a directory of its own",
            path=str(directory),
        )
    )
