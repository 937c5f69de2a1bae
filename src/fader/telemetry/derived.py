"""The SQLite file of sums. All in it follows from the rows, by number of batch; it only makes a tick cheap.

A store of columns pays for a changed row with the rewrite of a whole row group; a B-tree changes one page. So rows
live there and sums here. The sums of stages, which change by ten thousands of units a second, are in memory and
saved here now and then. The rows are committed first: a crash between leaves batches that are folded next time.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fader.errors import Corrupt
from fader.telemetry import statements as sql

#: A tick touches a page per unit, so pages are small, and are brought from the journal to the file rarely (32 MB).
#: NORMAL: a power cut may take the last transactions, which are folded again; it never breaks the file.
PRAGMAS = (
    "page_size = 1024",
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "wal_autocheckpoint = 32000",
    "journal_size_limit = 64000000",
    "cache_size = -8000",
    "temp_store = MEMORY",
    "secure_delete = ON",
)


class Derived:
    """One connection. Not for several threads at once: the store holds a lock."""

    def __init__(self, path: Path, store: str) -> None:
        """`store` is the id of the rows that the sums are of. Raises Corrupt."""
        self.db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
        try:
            for pragma in PRAGMAS:
                self.db.execute(f"PRAGMA {pragma}").fetchall()
            self.db.executescript(sql.SUMS_SCHEMA)
            known = self.db.execute("SELECT id, schema FROM store").fetchone()
            if known is None:
                self.db.execute("INSERT INTO store VALUES (?, ?)", (store, sql.SCHEMA))
        except sqlite3.DatabaseError as error:
            self.db.close()
            raise _corrupt(path, str(error)) from error
        if known not in (None, (store, sql.SCHEMA)):
            self.db.close()
            raise _corrupt(path, "it belongs to another event store or to another version of fader")

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield self.db
            self.db.execute("COMMIT")
        except BaseException:
            self.db.execute("ROLLBACK")
            raise

    def erase_journal(self) -> None:
        """Bring what was deleted out of the write-ahead log too."""
        self.db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        self.db.close()


def _corrupt(path: Path, what: str) -> Corrupt:
    return Corrupt(
        f"{path}: not a readable file of sums: {what}\n  fix: move it away (with its -wal and -shm); the sums of the "
        "running stage are made again from the rows"
    )
