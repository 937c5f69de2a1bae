"""The in-memory twin of the state store: for tests, obviously right."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fader.errors import Conflict, NotFound
from fader.model.applied import Applied
from fader.model.audit import Choices, Filter, Place, Record, place
from fader.model.codebase import Codebase, Found, Sighting, sighted
from fader.model.decision import Step
from fader.model.flag import Flag, Switch
from fader.model.holding import Holding
from fader.model.holdout import HoldoutState
from fader.model.ruleset import LiveService, Ruleset
from fader.model.segment import Segment
from fader.model.series import Series
from fader.model.service import Service
from fader.model.settings import NOTHING, Settings
from fader.model.share import Interval
from fader.model.usage import DAYS, Given, Usage, days_before
from fader.model.view import Point
from fader.model.written import Written
from fader.ports.states import Entry, Window
from fader.rollout.words import applied, turned
from fader.storage.thinning import KEEP, thin

#: What records can be filtered by: the fields of a record, in the order of those of `Choices`.
CHOICES = ("rollout", "actor", "event", "flag")


class MemoryStateStore:
    def __init__(self) -> None:
        self._services: tuple[Service, ...] = ()
        self._flags: tuple[Flag, ...] = ()
        self._segments: tuple[Segment, ...] = ()
        self._changed: dict[str, float] = {}
        self._settings = Settings()
        self._cursors: dict[str, dict[str, int]] = {}
        self._switches: list[Switch] = []
        self._usage: dict[tuple[str, str, str], int] = {}
        self._codebases: dict[str, Codebase] = {}
        self._sightings: dict[tuple[str, str], Sighting] = {}
        self._applies: list[Applied] = []
        self._entries: dict[str, Entry] = {}
        self._steps: dict[str, list[Step]] = {}
        self._ruleset = Ruleset(0)
        self._text: Written | None = None
        self._windows: dict[tuple[str, int, int], Window] = {}
        self._holdouts: dict[str, HoldoutState] = {}
        self._points: dict[str, list[Point]] = {}
        self._series: dict[tuple[str, int, int, str], Series] = {}

    def services(self) -> tuple[Service, ...]:
        return self._services

    def entries(self) -> tuple[Entry, ...]:
        return tuple(self._entries.values())

    def entry(self, rollout: str) -> Entry:
        try:
            return self._entries[rollout]
        except KeyError:
            raise missing(rollout, tuple(self._entries)) from None

    def flags(self) -> tuple[Flag, ...]:
        return self._flags

    def segments(self) -> tuple[Segment, ...]:
        return self._segments

    def settings(self) -> Settings:
        return self._settings

    def changed(self) -> dict[str, float]:
        return dict(self._changed)

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
        for new in rollouts:
            old = self._entries.get(new.spec.name)
            if old and old.state.revision != new.state.revision:
                raise Conflict(f"rollout {new.spec.name} moved meanwhile; apply again")
        known = {f.name: (f, self._changed.get(f.name, 0.0)) for f in self._flags}
        self._changed = {f.name: known[f.name][1] if known.get(f.name, (None,))[0] == f else at for f in flags}
        self._services, self._flags, self._segments = services, flags, segments
        for new in rollouts:
            self._entries[new.spec.name] = new
        here = {e.spec.name: e.state.revision for e in self._entries.values()}
        self._cursors = {c.name: self._cursors.get(c.name, dict(here)) for c in settings.channels}
        self._settings = settings
        self._applies += [applied] if applied else []

    def write(self, written: Written, applied: Applied | None = None) -> None:
        self._text = written
        self._applies += [applied] if applied else []

    def written(self) -> Written | None:
        return self._text

    def save(self, step: Step) -> None:
        entry = self.entry(step.rollout)
        if entry.state.revision != step.before.revision:
            raise Conflict(f"rollout {step.rollout} moved meanwhile; look again")
        self._entries[step.rollout] = Entry(step.spec, step.after, entry.preview)
        self._steps.setdefault(step.rollout, []).append(step)

    def history(self, rollout: str) -> tuple[Step, ...]:
        return tuple(self._steps.get(rollout, ()))

    def since(self, rollout: str, seq: int) -> tuple[Step, ...]:
        return tuple(replace(s, evidence=None) for s in self.history(rollout) if s.seq > seq)

    def cursors(self, channel: str) -> dict[str, int]:
        return dict(self._cursors.get(channel, {}))

    def put_cursor(self, channel: str, rollout: str, seq: int) -> None:
        self._cursors.setdefault(channel, {})[rollout] = seq

    def outline(self, rollout: str, attempt: int) -> tuple[Step, ...]:
        return tuple(replace(s, evidence=None) for s in self.history(rollout) if s.after.attempt == attempt)

    def records(
        self, wanted: Filter, limit: int, *, before: Place | None = None, after: Place | None = None
    ) -> tuple[Record, ...]:
        return page(filter(wanted.takes, self._records()), limit, before, after)

    def recorded(self, wanted: Filter) -> int:
        return sum(map(wanted.takes, self._records()))

    def choices(self) -> Choices:
        records = self._records()
        return Choices(*(tuple(sorted({getattr(r, f) for r in records} - {""})) for f in CHOICES))

    def _records(self) -> list[Record]:
        steps = [record(step) for steps in self._steps.values() for step in steps]
        applies = (put_in_force(seq, applied) for seq, applied in enumerate(self._applies, 1))
        return [*steps, *applies, *(switched(seq, switch) for seq, switch in enumerate(self._switches, 1))]

    def holdings(self, rollouts: tuple[str, ...]) -> tuple[Holding, ...]:
        found: list[Holding] = []
        for name in sorted(rollouts):
            for step in self._steps.get(name, ()):
                after = step.after
                follow(found, Holding(name, after.attempt, step.at, Interval(after.start, after.share)))
        return tuple(found)

    def switch(self, switch: Switch) -> None:
        self._switches.append(switch)

    def switches(self, flag: str = "") -> tuple[Switch, ...]:
        return tuple(s for s in self._switches if flag in ("", s.flag))

    def add_usage(self, usage: tuple[Usage, ...]) -> None:
        for one in usage:
            key = one.flag, one.day, one.variant
            self._usage[key] = self._usage.get(key, 0) + one.count
        if usage:
            oldest = days_before(max(one.day for one in usage), DAYS)
            self._usage = {key: count for key, count in self._usage.items() if key[1] > oldest}

    def given(self, today: str) -> tuple[Given, ...]:
        first, found = days_before(today, 6), list[Given]()
        for flag, variant in sorted({(flag, variant) for flag, _, variant in self._usage}):
            days = {day: n for (f, day, v), n in self._usage.items() if (f, v) == (flag, variant)}
            week = sum(count for day, count in days.items() if first <= day <= today)
            found.append(Given(flag, variant, days.get(today, 0), week, min(days), max(days)))
        return tuple(found)

    def codebases(self) -> tuple[Codebase, ...]:
        return tuple(codebase for _, codebase in sorted(self._codebases.items()))

    def put_codebase(self, codebase: Codebase, found: tuple[Found, ...]) -> tuple[Sighting, ...]:
        name = codebase.name
        after = tuple(sighted(codebase, one, self._sightings.get((one.flag, name))) for one in found)
        self.forget_codebase(name)
        self._codebases[name] = codebase
        self._sightings |= {(one.flag, name): one for one in after}
        return after

    def forget_codebase(self, name: str) -> None:
        self._codebases.pop(name, None)
        self._sightings = {key: one for key, one in self._sightings.items() if one.codebase != name}

    def sightings(self, flags: tuple[str, ...] | None = None, *, places: bool = True) -> tuple[Sighting, ...]:
        found = (one for _, one in sorted(self._sightings.items()) if flags is None or one.flag in flags)
        return tuple(one if places else replace(one, places=()) for one in found)

    def publish(
        self, services: tuple[LiveService, ...], flags: tuple[Flag, ...] = (), segments: tuple[Segment, ...] = ()
    ) -> Ruleset:
        new = Ruleset(self._ruleset.version + 1, services, flags, segments)
        if new != replace(self._ruleset, version=new.version):
            self._ruleset = new
        return self._ruleset

    def ruleset(self) -> Ruleset:
        return self._ruleset

    def windows(self, rollout: str, attempt: int) -> tuple[Window, ...]:
        return tuple(w for k, w in sorted(self._windows.items()) if k[:2] == (rollout, attempt))

    def put_window(self, window: Window) -> None:
        self._windows[window.rollout, window.attempt, window.stage] = window

    def holdouts(self) -> tuple[HoldoutState, ...]:
        return tuple(state for _, state in sorted(self._holdouts.items()))

    def put_holdout(self, state: HoldoutState) -> None:
        self._holdouts[state.name] = state

    def put_points(self, rollout: str, points: tuple[Point, ...]) -> None:
        kept = self._points.setdefault(rollout, [])
        kept.extend(points)
        for metric in {p.metric for p in points}:
            times = [p.at for p in kept if p.metric == metric]
            if len(times) > KEEP:
                gone = thin(times)
                self._points[rollout] = kept = [p for p in kept if p.metric != metric or p.at not in gone]

    def points(self, rollout: str, since: float) -> tuple[Point, ...]:
        return tuple(p for p in self._points.get(rollout, ()) if p.at > since)

    def series(self, rollout: str, attempt: int, stage: int) -> tuple[Series, ...]:
        return tuple(s for k, s in sorted(self._series.items()) if k[:3] == (rollout, attempt, stage))

    def put_series(self, series: Series) -> None:
        self._series[series.key] = series

    def close(self) -> None:
        pass


def missing(rollout: str, known: tuple[str, ...]) -> NotFound:
    there = ", ".join(known) if known else "none yet: write one into fader.yaml and run `fader apply -f fader.yaml`"
    return NotFound(f"there is no rollout named {rollout!r}; there are: {there}")


def record(step: Step) -> Record:
    return Record(
        rollout=step.rollout,
        seq=step.seq,
        at=step.at,
        event=step.event,
        actor=step.actor,
        reason=step.reason,
        said=step.command.reason if step.command else "",
        attempt=step.after.attempt,
        before=step.before.share,
        share=step.after.share,
        flag=step.spec.flag,
    )


def switched(seq: int, switch: Switch) -> Record:
    """`seq` counts the switches of all flags from 1."""
    return Record(
        rollout="",
        seq=seq,
        at=switch.at,
        event="switch_on" if switch.enabled else "switch_off",
        actor=switch.actor,
        reason=turned(switch),
        said=switch.reason,
        attempt=0,
        before=0,
        share=0,
        flag=switch.flag,
    )


def put_in_force(seq: int, a: Applied) -> Record:
    """`seq` counts the applies from 1."""
    return Record(
        rollout="",
        seq=-seq,
        at=a.at,
        event="apply",
        actor=a.actor,
        reason=applied(a),
        said="",
        attempt=0,
        before=0,
        share=0,
    )


def page(found: Iterable[Record], limit: int, before: Place | None, after: Place | None) -> tuple[Record, ...]:
    """At most `limit`, newest first: the newest, the next ones `before` a place, or the nearest ones `after` it."""
    ordered = sorted(found, key=place, reverse=True)
    if after is not None:
        newer = [r for r in ordered if place(r) > after]
        return tuple(newer[max(0, len(newer) - limit) :])
    return tuple(r for r in ordered if before is None or place(r) < before)[:limit]


def follow(found: list[Holding], holding: Holding) -> None:
    """Add a holding, unless the one before says the same."""
    last = found[-1] if found else None
    if last is None or (last.rollout, last.attempt, last.interval) != (
        holding.rollout,
        holding.attempt,
        holding.interval,
    ):
        found.append(holding)
