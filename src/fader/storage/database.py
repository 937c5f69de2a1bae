"""Opening the database file: migrated, durable, and never repaired in silence."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError, OperationalError

from fader.errors import BadInput, Corrupt, Problem

MIGRATIONS = Path(__file__).parent / "migrations"


def open_sqlite(path: Path) -> Engine:
    """Create or open the state file and bring its tables up to date.

    Raises BadInput when it cannot be written, Corrupt when it is no database or damaged.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600, exist_ok=True)
    except OSError as e:
        raise BadInput(
            Problem(f"cannot write the state file: {e.strerror}", "give another --data-dir", str(path))
        ) from None
    engine = create_engine(f"sqlite:///{path}")

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:
        # Our own BEGIN IMMEDIATE (below) instead of the driver's late one: a reader that becomes a writer would
        # fail with "database is locked" after the fact.
        connection.isolation_level = None
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000", "foreign_keys=ON"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    try:
        with engine.connect() as connection:
            problem = connection.execute(text("PRAGMA quick_check(1)")).scalar()
            if problem != "ok":
                raise corrupt(path, str(problem))
        migrate(engine)
    except OperationalError as e:
        engine.dispose()
        if "readonly" in str(e) or "unable to open" in str(e):
            raise BadInput(
                Problem(
                    "the state file cannot be written", "mend its permissions or give another --data-dir", str(path)
                )
            ) from None
        raise corrupt(path, str(e.orig)) from None
    except DatabaseError as e:
        engine.dispose()
        raise corrupt(path, str(e.orig)) from None
    return engine


def migrate(engine: Engine) -> None:
    """Bring the tables to the newest revision."""
    with engine.begin() as connection:
        from alembic.runtime.migration import MigrationContext
        from alembic.script import ScriptDirectory

        script = ScriptDirectory(os.fspath(MIGRATIONS))
        context = MigrationContext.configure(connection, opts={"script": script})
        if context.get_current_revision() == script.get_current_head():
            return  # the usual start: alembic's environment (slow to set up) is not needed
        from alembic.command import upgrade
        from alembic.config import Config

        config = Config(attributes={"connection": connection})
        config.set_main_option("script_location", os.fspath(MIGRATIONS))
        upgrade(config, "head")


def corrupt(path: Path, why: str) -> Corrupt:
    return Corrupt(
        str(
            Problem(
                f"the state file is damaged: {why}",
                f"put back a copy of {path.name} (and {path.name}-wal), or move it away to begin anew: "
                "running rollouts are forgotten then and everybody gets the baseline of fader.yaml",
                str(path),
            )
        )
    )
