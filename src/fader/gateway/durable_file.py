"""Files that are whole after a crash at any moment: the old content or the new, never half of it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def replace(path: Path, content: bytes, *, sync: bool = True) -> None:
    """Put `content` in place of `path` by an atomic rename; on disk when it returns.

    `sync` False leaves the time of writing to the kernel: the file survives the death of any process, not a loss of
    power. For what can be learned again, or is forced to disk by `sync` a moment later. Raises OSError.
    """
    fresh = path.with_name(f".{path.name}.new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(fd, view) :]
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)
    fresh.rename(path)
    if sync:
        sync_directory(path.parent)


def sync(path: Path) -> None:
    """Force a file that was replaced with `sync` False, and its name, to the disk. Raises OSError."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
    sync_directory(path.parent)


def remove(path: Path) -> None:
    """Unlink `path` if it is there."""
    with suppress(FileNotFoundError):
        path.unlink()


def sync_directory(directory: Path) -> None:
    """Make renames in `directory` survive a loss of power."""
    fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def content(path: Path) -> bytes | None:
    """The bytes of a file, None when it is not there."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
