"""The tables. Documents are JSON of the model's dataclasses; columns beside them are what is searched or compared."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, LargeBinary, MetaData, String, Table

metadata = MetaData()

services = Table(
    "services",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

rollouts = Table(
    "rollouts",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("spec", LargeBinary, nullable=False),
    Column("state", LargeBinary, nullable=False),
    Column("preview", String(100), nullable=False),
)

steps = Table(
    "steps",
    metadata,
    Column("rollout", String(200), primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("at", Float, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("event", String(100), nullable=False, server_default=""),
    Column("actor", String(200), nullable=False, server_default=""),
    Column("attempt", Integer, nullable=False, server_default="1"),
    Column("start", Integer, nullable=False, server_default="0"),
    Column("share", Integer, nullable=False, server_default="0"),
    Column("flag", String(200), nullable=False, server_default=""),
    # The last one answers for all of a rollout's shares without touching the bodies, which are large.
    Index("steps_by_time", "at", "rollout", "seq"),
    Index("steps_by_actor", "actor", "at", "rollout", "seq"),
    Index("steps_by_event", "event", "at", "rollout", "seq"),
    Index("steps_by_flag", "flag", "at", "rollout", "seq"),
    Index("steps_by_holding", "rollout", "seq", "attempt", "at", "start", "share"),
)

rulesets = Table(
    "rulesets",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

windows = Table(
    "windows",
    metadata,
    Column("rollout", String(200), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("stage", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

points = Table(
    "points",
    metadata,
    Column("rollout", String(200), primary_key=True),
    Column("metric", String(200), primary_key=True),
    Column("at", Float, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

series = Table(
    "series",
    metadata,
    Column("rollout", String(200), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("stage", Integer, primary_key=True),
    Column("metric", String(200), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

flags = Table(
    "flags",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("changed", Float, nullable=False, server_default="0"),
)

segments = Table(
    "segments",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("position", Integer, nullable=False),
    Column("body", LargeBinary, nullable=False),
)

switches = Table(
    "switches",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("flag", String(200), nullable=False, index=True),
    Column("body", LargeBinary, nullable=False),
)

#: One row: what is applied beside the nouns that have a table.
settings = Table(
    "settings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

#: The last step of each rollout that a channel was told of.
cursors = Table(
    "cursors",
    metadata,
    Column("channel", String(200), primary_key=True),
    Column("rollout", String(200), primary_key=True),
    Column("seq", Integer, nullable=False),
)

#: How often each variant of a flag was given, by day.
usage = Table(
    "usage",
    metadata,
    Column("flag", String(200), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("variant", String(200), primary_key=True),
    Column("count", BigInteger, nullable=False),
)

#: Source that was searched for flags, and what the last search found of each that it looked for.
codebases = Table(
    "codebases",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("at", Float, nullable=False),
    Column("actor", String(200), nullable=False),
)

sightings = Table(
    "sightings",
    metadata,
    Column("flag", String(200), primary_key=True),
    Column("codebase", String(200), primary_key=True),
    Column("references", Integer, nullable=False),
    Column("files", Integer, nullable=False),
    Column("places", LargeBinary, nullable=False),
    Column("seen", Float, nullable=False),
    Column("gone", Float, nullable=False),
)

applies = Table(
    "applies",
    metadata,
    Column("seq", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

#: How holdouts are followed, ended ones too.
holdouts = Table(
    "holdouts",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

#: One row: the configuration as it was written.
written = Table(
    "written",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)
