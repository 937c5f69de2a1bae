"""The state store on a SQL database, through SQLAlchemy Core."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Connection, Engine, Table, delete, func, insert, select, update

from fader.errors import Conflict
from fader.model.applied import Applied
from fader.model.audit import Choices, Filter, Place, Record
from fader.model.codebase import Codebase, Found, Sighting
from fader.model.decision import Step
from fader.model.flag import Flag, Switch
from fader.model.holding import Holding
from fader.model.holdout import HoldoutState
from fader.model.rollout import RolloutSpec
from fader.model.ruleset import LiveService, Ruleset
from fader.model.segment import Segment
from fader.model.series import Series
from fader.model.service import Service
from fader.model.settings import NOTHING, Settings
from fader.model.state import RolloutState
from fader.model.usage import Given, Usage
from fader.model.view import Point
from fader.model.written import Written
from fader.ports.states import Entry, Window
from fader.storage import audit, codebases
from fader.storage import points as charted
from fader.storage import tables as t
from fader.storage import usage as counts
from fader.storage.memory import missing, page

#: Chart points of each rollout that open pages are given without asking the file: some ticks of many metrics.
NEWEST = 256
#: Rulesets that stay in the file: the last one is served, the others are for whoever has to look.
KEPT_RULESETS = 100
#: Fewer stay when they are large: about so many bytes of them together.
KEPT_BYTES = 50_000_000

T = TypeVar("T")
_encode = msgspec.json.encode


def _decode(body: bytes, kind: type[T]) -> T:
    return msgspec.json.decode(body, type=kind)


class SqlStateStore:
    """Safe for use from several threads; the lock keeps SQLite's single writer from waiting inside the driver.

    What is applied, where each rollout stands and the last ruleset may be large and are asked for every second and by
    every open page: what was read or written last is kept. That is sound because one server alone holds the data
    directory.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._lock = threading.RLock()
        self._read: dict[str, tuple[tuple[bytes, bytes, str], Entry]] = {}
        self._entries: dict[str, Entry] | None = None
        self._services: tuple[Service, ...] | None = None
        self._written: tuple[tuple[Flag, ...], tuple[Segment, ...]] | None = None
        self._last: Ruleset | None = None
        self._newest: dict[str, list[Point]] = {}
        self._settings: Settings | None = None

    def services(self) -> tuple[Service, ...]:
        with self._lock:
            if self._services is None:
                with self._engine.begin() as c:
                    rows = c.execute(select(t.services.c.body).order_by(t.services.c.position)).scalars()
                    self._services = tuple(_decode(body, Service) for body in rows)
            return self._services

    def flags(self) -> tuple[Flag, ...]:
        return self._flags_and_segments()[0]

    def segments(self) -> tuple[Segment, ...]:
        return self._flags_and_segments()[1]

    def _flags_and_segments(self) -> tuple[tuple[Flag, ...], tuple[Segment, ...]]:
        with self._lock:
            if self._written is None:
                with self._engine.begin() as c:
                    flags = c.execute(select(t.flags.c.body).order_by(t.flags.c.position)).scalars().all()
                    segments = c.execute(select(t.segments.c.body).order_by(t.segments.c.position)).scalars().all()
                self._written = (
                    tuple(_decode(body, Flag) for body in flags),
                    tuple(_decode(body, Segment) for body in segments),
                )
            return self._written

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._standing().values())

    def entry(self, rollout: str) -> Entry:
        standing = self._standing()
        if rollout not in standing:
            raise missing(rollout, tuple(standing))
        return standing[rollout]

    def _standing(self) -> dict[str, Entry]:
        """By name, in the order in which they were first applied; never changed once it is handed out."""
        with self._lock:
            if self._entries is None:
                with self._engine.begin() as c:
                    rows = c.execute(select(t.rollouts).order_by(t.rollouts.c.position))
                    self._entries = {row.name: self._entry(row) for row in rows}
            return self._entries

    def _entry(self, row: Any) -> Entry:
        """What has not changed is not read again: one step moves one rollout, and most have ended."""
        stored = (row.spec, row.state, row.preview)
        read = self._read.get(row.name)
        if read is None or read[0] != stored:
            entry = Entry(_decode(row.spec, RolloutSpec), _decode(row.state, RolloutState), row.preview)
            read = self._read[row.name] = (stored, entry)
        return read[1]

    def apply(
        self,
        services: tuple[Service, ...],
        rollouts: tuple[Entry, ...],
        flags: tuple[Flag, ...] = (),
        segments: tuple[Segment, ...] = (),
        at: float = 0.0,
        settings: Settings = NOTHING,
        applied: Applied | None = None,
    ) -> None:
        with self._lock, self._engine.begin() as c:
            self._entries = self._services = self._written = self._settings = None
            for entry in rollouts:
                self._put(c, entry)
            _replace(c, t.services, services)
            _replace_flags(c, flags, at)
            _replace(c, t.segments, segments)
            _replace_settings(c, settings)
            _note(c, applied)

    def settings(self) -> Settings:
        with self._lock:
            if self._settings is None:
                with self._engine.begin() as c:
                    body = c.execute(select(t.settings.c.body)).scalar()
                self._settings = Settings() if body is None else _decode(body, Settings)
            return self._settings

    def changed(self) -> dict[str, float]:
        with self._lock, self._engine.begin() as c:
            return {row.name: row.changed for row in c.execute(select(t.flags.c.name, t.flags.c.changed))}

    def _put(self, c: Connection, entry: Entry) -> None:
        name, revision = entry.spec.name, entry.state.revision
        body = {"spec": _encode(entry.spec), "state": _encode(entry.state), "preview": entry.preview}
        stored = c.execute(select(t.rollouts.c.revision).where(t.rollouts.c.name == name)).scalar()
        if stored is None:
            position = c.execute(select(func.coalesce(func.max(t.rollouts.c.position), -1) + 1)).scalar()
            c.execute(insert(t.rollouts).values(name=name, position=position, revision=revision, **body))
        elif stored == revision:
            c.execute(update(t.rollouts).where(t.rollouts.c.name == name).values(**body))
        else:
            raise Conflict(f"rollout {name} moved meanwhile; apply again")

    def write(self, written: Written, applied: Applied | None = None) -> None:
        with self._lock, self._engine.begin() as c:
            c.execute(delete(t.written))
            c.execute(insert(t.written).values(id=1, body=_encode(written)))
            _note(c, applied)

    def written(self) -> Written | None:
        with self._lock, self._engine.begin() as c:
            body = c.execute(select(t.written.c.body)).scalar()
        return None if body is None else _decode(body, Written)

    def save(self, step: Step) -> None:
        with self._lock, self._engine.begin() as c:
            self._entries = None
            changed = c.execute(
                update(t.rollouts)
                .where(t.rollouts.c.name == step.rollout, t.rollouts.c.revision == step.before.revision)
                .values(revision=step.after.revision, spec=_encode(step.spec), state=_encode(step.after))
            )
            if changed.rowcount != 1:
                raise Conflict(f"rollout {step.rollout} moved meanwhile; look again")
            c.execute(insert(t.steps).values(audit.row(step)))

    def history(self, rollout: str) -> tuple[Step, ...]:
        with self._lock, self._engine.begin() as c:
            rows = c.execute(select(t.steps.c.body).where(t.steps.c.rollout == rollout).order_by(t.steps.c.seq))
            return tuple(_decode(body, Step) for body in rows.scalars())

    def since(self, rollout: str, seq: int) -> tuple[Step, ...]:
        with self._lock, self._engine.begin() as c:
            return audit.since(c, rollout, seq)

    def cursors(self, channel: str) -> dict[str, int]:
        of = t.cursors.c.channel == channel
        with self._lock, self._engine.begin() as c:
            return {row.rollout: row.seq for row in c.execute(select(t.cursors.c.rollout, t.cursors.c.seq).where(of))}

    def put_cursor(self, channel: str, rollout: str, seq: int) -> None:
        key = {"channel": channel, "rollout": rollout}
        with self._lock, self._engine.begin() as c:
            c.execute(delete(t.cursors).where(*(t.cursors.c[k] == v for k, v in key.items())))
            c.execute(insert(t.cursors).values(seq=seq, **key))

    def outline(self, rollout: str, attempt: int) -> tuple[Step, ...]:
        with self._lock, self._engine.begin() as c:
            return audit.outline(c, rollout, attempt)

    def records(
        self, wanted: Filter, limit: int, *, before: Place | None = None, after: Place | None = None
    ) -> tuple[Record, ...]:
        with self._lock, self._engine.begin() as c:
            steps = audit.records(c, wanted, limit, before, after)
            return page((*steps, *audit.others(c, wanted)), limit, before, after)

    def recorded(self, wanted: Filter) -> int:
        with self._lock, self._engine.begin() as c:
            return audit.recorded(c, wanted) + len(audit.others(c, wanted))

    def choices(self) -> Choices:
        with self._lock, self._engine.begin() as c:
            return audit.choices(c)

    def holdings(self, rollouts: tuple[str, ...]) -> tuple[Holding, ...]:
        with self._lock, self._engine.begin() as c:
            return audit.holdings(c, rollouts)

    def switch(self, switch: Switch) -> None:
        with self._lock, self._engine.begin() as c:
            c.execute(insert(t.switches).values(flag=switch.flag, body=_encode(switch)))

    def switches(self, flag: str = "") -> tuple[Switch, ...]:
        asked = select(t.switches.c.body).order_by(t.switches.c.seq)
        with self._lock, self._engine.begin() as c:
            rows = c.execute(asked.where(t.switches.c.flag == flag) if flag else asked).scalars()
            return tuple(_decode(body, Switch) for body in rows)

    def add_usage(self, usage: tuple[Usage, ...]) -> None:
        if usage:
            with self._lock, self._engine.begin() as c:
                counts.add(c, usage)

    def given(self, today: str) -> tuple[Given, ...]:
        with self._lock, self._engine.begin() as c:
            return counts.given(c, today)

    def codebases(self) -> tuple[Codebase, ...]:
        with self._lock, self._engine.begin() as c:
            return codebases.codebases(c)

    def put_codebase(self, codebase: Codebase, found: tuple[Found, ...]) -> tuple[Sighting, ...]:
        with self._lock, self._engine.begin() as c:
            return codebases.put(c, codebase, found)

    def forget_codebase(self, name: str) -> None:
        with self._lock, self._engine.begin() as c:
            codebases.forget(c, name)

    def sightings(self, flags: tuple[str, ...] | None = None, *, places: bool = True) -> tuple[Sighting, ...]:
        with self._lock, self._engine.begin() as c:
            return codebases.sightings(c, flags, places)

    def publish(
        self, services: tuple[LiveService, ...], flags: tuple[Flag, ...] = (), segments: tuple[Segment, ...] = ()
    ) -> Ruleset:
        with self._lock:
            last = self.ruleset()
            if (last.services, last.flags, last.segments) == (services, flags, segments):
                return last
            new = Ruleset(last.version + 1, services, flags, segments)
            body = _encode(new)
            kept = max(1, min(KEPT_RULESETS, KEPT_BYTES // len(body)))
            with self._engine.begin() as c:
                c.execute(insert(t.rulesets).values(version=new.version, body=body))
                c.execute(delete(t.rulesets).where(t.rulesets.c.version <= new.version - kept))
            self._last = new
            return new

    def ruleset(self) -> Ruleset:
        newest = select(t.rulesets.c.body).order_by(t.rulesets.c.version.desc()).limit(1)
        with self._lock:
            if self._last is None:
                with self._engine.begin() as c:
                    body = c.execute(newest).scalar()
                self._last = Ruleset(0) if body is None else _decode(body, Ruleset)
            return self._last

    def windows(self, rollout: str, attempt: int) -> tuple[Window, ...]:
        of = (t.windows.c.rollout == rollout, t.windows.c.attempt == attempt)
        with self._lock, self._engine.begin() as c:
            rows = c.execute(select(t.windows.c.body).where(*of).order_by(t.windows.c.stage)).scalars()
            return tuple(_decode(body, Window) for body in rows)

    def put_window(self, window: Window) -> None:
        key = {"rollout": window.rollout, "attempt": window.attempt, "stage": window.stage}
        with self._lock, self._engine.begin() as c:
            c.execute(delete(t.windows).where(*(t.windows.c[k] == v for k, v in key.items())))
            c.execute(insert(t.windows).values(body=_encode(window), **key))

    def holdouts(self) -> tuple[HoldoutState, ...]:
        with self._lock, self._engine.begin() as c:
            rows = c.execute(select(t.holdouts.c.body).order_by(t.holdouts.c.name)).scalars()
            return tuple(_decode(body, HoldoutState) for body in rows)

    def put_holdout(self, state: HoldoutState) -> None:
        with self._lock, self._engine.begin() as c:
            c.execute(delete(t.holdouts).where(t.holdouts.c.name == state.name))
            c.execute(insert(t.holdouts).values(name=state.name, body=_encode(state)))

    def put_points(self, rollout: str, points: tuple[Point, ...]) -> None:
        if not points:
            return
        with self._lock:
            with self._engine.begin() as c:
                charted.put(c, rollout, points)
            newest = self._newest.setdefault(rollout, [])
            newest += points
            del newest[:-NEWEST]

    def points(self, rollout: str, since: float) -> tuple[Point, ...]:
        with self._lock:
            newest = self._newest.get(rollout)
            if newest and newest[0].at <= since:
                return tuple(sorted((p for p in newest if p.at > since), key=lambda p: (p.at, p.metric)))
            with self._engine.begin() as c:
                return charted.since(c, rollout, since)

    def series(self, rollout: str, attempt: int, stage: int) -> tuple[Series, ...]:
        of = (t.series.c.rollout == rollout, t.series.c.attempt == attempt, t.series.c.stage == stage)
        with self._lock, self._engine.begin() as c:
            rows = c.execute(select(t.series.c.body).where(*of).order_by(t.series.c.metric)).scalars()
            return tuple(_decode(body, Series) for body in rows)

    def put_series(self, series: Series) -> None:
        key = dict(zip(("rollout", "attempt", "stage", "metric"), series.key, strict=True))
        with self._lock, self._engine.begin() as c:
            c.execute(delete(t.series).where(*(t.series.c[k] == v for k, v in key.items())))
            c.execute(insert(t.series).values(body=_encode(series), **key))

    def close(self) -> None:
        self._engine.dispose()


def _note(c: Connection, applied: Applied | None) -> None:
    if applied:
        c.execute(insert(t.applies).values(body=_encode(applied)))


def _replace_flags(c: Connection, flags: Sequence[Flag], at: float) -> None:
    """As `_replace`; what stays as it was keeps the time of its last change."""
    known = {row.name: (row.body, row.changed) for row in c.execute(select(t.flags))}
    c.execute(delete(t.flags))
    rows = []
    for position, flag in enumerate(flags):
        body = _encode(flag)
        old, changed = known.get(flag.name, (b"", at))
        rows.append({"name": flag.name, "position": position, "body": body, "changed": changed if old == body else at})
    if rows:
        c.execute(insert(t.flags), rows)


def _replace_settings(c: Connection, settings: Settings) -> None:
    """What a channel that is gone was told is forgotten; a new one begins with where each rollout stands."""
    names = [channel.name for channel in settings.channels]
    body = c.execute(select(t.settings.c.body)).scalar()
    known = {channel.name for channel in _decode(body, Settings).channels} if body is not None else set()
    c.execute(delete(t.cursors).where(t.cursors.c.channel.not_in(known.intersection(names))))
    here = [(row.name, row.revision) for row in c.execute(select(t.rollouts.c.name, t.rollouts.c.revision))]
    rows = [
        {"channel": name, "rollout": rollout, "seq": revision}
        for name in names
        if name not in known
        for rollout, revision in here
    ]
    if rows:
        c.execute(insert(t.cursors), rows)
    c.execute(delete(t.settings))
    c.execute(insert(t.settings).values(id=1, body=_encode(settings)))


def _replace(c: Connection, table: Table, nouns: Sequence[Service | Segment]) -> None:
    """The table holds these, in this order."""
    c.execute(delete(table))
    if nouns:
        rows = [{"name": n.name, "position": i, "body": _encode(n)} for i, n in enumerate(nouns)]
        c.execute(insert(table), rows)
