"""Where services, rollouts and their history are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

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


@dataclass(frozen=True, slots=True)
class Entry:
    """A rollout as it is kept. `preview` is the secret of its preview link."""

    spec: RolloutSpec
    state: RolloutState
    preview: str


@dataclass(frozen=True, slots=True)
class Window:
    """When a stage was in force at the gateway. `version` is the ruleset that carried its share; `since` the moment
    the gateway acknowledged it (0: not yet); `until` when the next share was decided (0: open)."""

    rollout: str
    attempt: int
    stage: int
    version: int
    since: float = 0.0
    until: float = 0.0


class StateStore(Protocol):
    def services(self) -> tuple[Service, ...]: ...

    def entries(self) -> tuple[Entry, ...]:
        """All rollouts, in the order in which they were first applied."""

    def entry(self, rollout: str) -> Entry:
        """Raises NotFound, naming the rollouts there are."""

    def flags(self) -> tuple[Flag, ...]:
        """As the file has them: what was switched since stands in `switches`."""

    def segments(self) -> tuple[Segment, ...]: ...

    def settings(self) -> Settings: ...

    def changed(self) -> dict[str, float]:
        """When each flag was last applied with another definition; 0 for one that was there before this was kept."""

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
        """Replace services, flags, segments and settings, and put these rollouts in (new ones) or over (same name), in
        one transaction. `at` is when, for `changed`. A new channel has heard of everything that happened before.
        `applied` is kept as the record of it.

        Rollouts that are not named stay. Raises Conflict when a named rollout has moved past the given revision.
        """

    def write(self, written: Written, applied: Applied | None = None) -> None:
        """Keep how what is applied was written, in place of what was kept before, and the record of it."""

    def written(self) -> Written | None:
        """None before the first."""

    def save(self, step: Step) -> None:
        """Append the step and put its `after` (and spec) in place, in one transaction.

        Raises Conflict when the stored revision is not `step.before.revision`.
        """

    def history(self, rollout: str) -> tuple[Step, ...]:
        """Oldest first; empty for a rollout that never moved."""

    def since(self, rollout: str, seq: int) -> tuple[Step, ...]:
        """The steps after that one as in the history, without their evidence."""

    def cursors(self, channel: str) -> dict[str, int]:
        """By rollout, the last step that the channel was told of; a rollout that is missing began after it."""

    def put_cursor(self, channel: str, rollout: str, seq: int) -> None: ...

    def outline(self, rollout: str, attempt: int) -> tuple[Step, ...]:
        """The steps of one attempt as in the history, without their evidence: it is the larger part of them."""

    def records(
        self, wanted: Filter, limit: int, *, before: Place | None = None, after: Place | None = None
    ) -> tuple[Record, ...]:
        """At most `limit` steps of all rollouts, switches of all flags and applies, newest first: the newest, the next
        ones `before` a place, or the nearest ones `after` it."""

    def recorded(self, wanted: Filter) -> int:
        """How many records there are."""

    def choices(self) -> Choices:
        """What can be asked for in a filter."""

    def holdings(self, rollouts: tuple[str, ...]) -> tuple[Holding, ...]:
        """Every change of the buckets that a candidate held, by rollout, oldest first."""

    def switch(self, switch: Switch) -> None:
        """Append to the flag's history, which outlives the flag."""

    def switches(self, flag: str = "") -> tuple[Switch, ...]:
        """Of one flag or of all, oldest first."""

    def add_usage(self, usage: tuple[Usage, ...]) -> None:
        """Add to what was counted of the same flag, variant and day; days that are `DAYS` older than the newest are
        forgotten."""

    def given(self, today: str) -> tuple[Given, ...]:
        """What was counted on the days that are kept, by flag and variant."""

    def codebases(self) -> tuple[Codebase, ...]:
        """By name."""

    def put_codebase(self, codebase: Codebase, found: tuple[Found, ...]) -> tuple[Sighting, ...]:
        """Put what a search found, one of each flag, in place of what was known of the codebase, in one transaction. Of
        a flag that was not looked for nothing is known then. What is known now, in the order of `found`."""

    def forget_codebase(self, name: str) -> None: ...

    def sightings(self, flags: tuple[str, ...] | None = None, *, places: bool = True) -> tuple[Sighting, ...]:
        """Of these flags or of all, where they were looked for; by flag and codebase. `places`: with them."""

    def publish(
        self, services: tuple[LiveService, ...], flags: tuple[Flag, ...] = (), segments: tuple[Segment, ...] = ()
    ) -> Ruleset:
        """The ruleset of this content: the stored one when nothing changed, else with the next version, stored."""

    def ruleset(self) -> Ruleset:
        """The last one published; version 0 without services before the first."""

    def windows(self, rollout: str, attempt: int) -> tuple[Window, ...]:
        """By stage."""

    def put_window(self, window: Window) -> None: ...

    def put_points(self, rollout: str, points: tuple[Point, ...]) -> None:
        """Append chart points; the store thins old ones so that a metric keeps at most some hundreds."""

    def points(self, rollout: str, since: float) -> tuple[Point, ...]: ...

    def series(self, rollout: str, attempt: int, stage: int) -> tuple[Series, ...]:
        """What was read of the external metrics in a stage, by metric."""

    def put_series(self, series: Series) -> None: ...

    def holdouts(self) -> tuple[HoldoutState, ...]:
        """How each is followed, ended ones too, by name."""

    def put_holdout(self, state: HoldoutState) -> None: ...

    def close(self) -> None: ...
