"""Where request events go in and summaries come out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from fader.model.arm import Arm
from fader.model.evidence import HealthEvidence, LearningEvidence, MetricEvidence, NameEvidence
from fader.model.failure import Failure
from fader.model.metric import Metric
from fader.model.share import Draw, Interval
from fader.model.summary import ArmSummary

#: No rollout has so many stages: the cells of further arms are numbered beyond.
PAIRED = 1_000_000


@dataclass(frozen=True, slots=True)
class CellMetric:
    """A metric with what was frozen for this stage: x_q and (1 + delta / next share) x_q; 0 for a proportion."""

    metric: Metric
    threshold: float = 0.0
    margin_threshold: float = 0.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One stage of one attempt: the stratum whose events are summed. Key: (rollout, attempt, stage).

    An event belongs to it when its service is `service`, its reason `rollout`, and it *started* in
    [since, until); `until` 0 is open. `since` is when the gateway acknowledged the share, not when it was decided.
    `past`: where the period before the attempt begins that covariates (CUPED) are taken from; it ends at the
    attempt's start (the `since` of its first cell). 0: none. `arms`: further arms beside the candidate; whoever was
    in two arms counts in neither.

    With a `flag`, arms are its variants, and `exposure` events alone say who is in which: a request of the service,
    whatever its reason, is in the arm of its unit, from the unit's first exposure on.

    With a `draw`, it is of a holdout, whose name stands in the place of the rollout's: the baseline's arm is the units
    of the draw, the candidate's is all others, of every service. A unit is in its arm from its first request in the
    sample or its first tracked event on, exposures and errors left aside: they happen to those whom a rollout reached.
    There is no scan of names, and no `Exposure`.
    """

    rollout: str
    attempt: int
    stage: int
    service: str
    candidate: str
    salt: str
    interval: Interval
    metrics: tuple[CellMetric, ...]
    since: float
    until: float = 0.0
    past: float = 0.0
    arms: tuple[Arm, ...] = ()
    flag: str = ""
    draw: Draw | None = None

    @property
    def by_request(self) -> bool:
        """Whether each request says which arm it is in."""
        return not self.flag and self.draw is None

    @property
    def paired(self) -> tuple[Cell, ...]:
        """Each further arm in the candidate's place, among the others: what it did is summed as the candidate's is.
        Their keys are no stage's, and they have no further ones."""
        if self.stage >= PAIRED:
            return ()
        candidate = Arm(self.candidate, self.interval)
        return tuple(
            replace(
                self,
                stage=self.stage + k * PAIRED,
                candidate=arm.version,
                interval=arm.interval,
                arms=(candidate, *(other for other in self.arms if other != arm)),
            )
            for k, arm in enumerate(self.arms, start=1)
        )

    @property
    def key(self) -> tuple[str, int, int]:
        return self.rollout, self.attempt, self.stage


@dataclass(frozen=True, slots=True)
class Exposure:
    """Over a whole attempt: candidate units seen, those with a 5xx or an answer by the baseline, first seen at."""

    units: int = 0
    harmed: int = 0
    first_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Tracked:
    """A named event of an app. `id` is the sender's, and makes a repeated delivery harmless. `at`: seconds since
    1970. `name` is `exposure` (then `rollout` and `version` say to what), `error` (properties `type`, `route`,
    `status`, `message`), or an outcome. `properties`: numbers, texts and booleans, flat. `received`: the server's
    clock when it came in, 0 if unknown: what the sender's clock is compared with."""

    id: str
    name: str
    unit: str
    at: float
    properties: tuple[tuple[str, float | str | bool], ...] = ()
    rollout: str = ""
    version: str = ""
    received: float = 0.0


@dataclass(frozen=True, slots=True)
class Names:
    """What occurred in a stage: at most 10,000 names; `dropped` counts those beyond."""

    found: tuple[NameEvidence, ...] = ()
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Weighed:
    """`requests`: the sum of 1/p over the lines of the sample; `units`: those in it."""

    requests: float = 0.0
    units: int = 0


class EventStore(Protocol):
    def append(self, gateway: str, segment: str, offset: int, lines: bytes) -> int:
        """Take access-log lines (whole lines) of `segment` that begin at byte `offset`; durable when it returns.

        Returns the offset up to which the segment is held: the acknowledgement. Bytes below it are dropped
        (at-least-once made exactly-once); a gap (offset beyond it) takes nothing and returns the offset held.
        """

    def track(self, events: tuple[Tracked, ...]) -> None:
        """Take named events; durable when it returns. An id that was taken within the retention is dropped.

        Late and out-of-order events count where their time says, once `load` has run. Raises Unavailable.
        """

    def load(self) -> int:
        """Bring what was appended into the tables and the open cells. Returns the number of rows."""

    def open_cell(self, cell: Cell) -> None:
        """Begin to sum a cell, or set its `until`. Idempotent; rows that were loaded before are caught up."""

    def evidence(self, rollout: str, attempt: int, stage: int) -> tuple[MetricEvidence, ...]:
        """The summaries of a cell as of the last `load`, its further arms in `others`; () when it is not open."""

    def health(self, rollout: str, attempt: int, stage: int) -> HealthEvidence:
        """Whether the data of a cell can be trusted, as of the last `load`; all zero when the cell is not open."""

    def names(self, rollout: str, attempt: int, stage: int) -> Names:
        """Every event name, request template and error fingerprint of a cell, with its first-event units per arm."""

    def learning(
        self, service: str, version: str, metrics: tuple[Metric, ...], since: float, rollout: str = ""
    ) -> tuple[LearningEvidence, ...]:
        """What the service's `version`, assigned and serving, did since then; one per metric. Of a `rollout` of a
        flag: what units did since they were exposed to this variant of it."""

    def spread(self, service: str, version: str, metric: CellMetric, since: float) -> ArmSummary:
        """What each unit of the service's `version`, assigned and serving, did since then, summed over the units: also
        of a metric of requests, whose spread `learning` does not know. Of many units, a part drawn by their hash."""

    def exposure(self, rollout: str, attempt: int) -> Exposure: ...

    def among(self, rollout: str, attempt: int, units: Sequence[str]) -> Exposure | None:
        """The same of these units alone; None once the units of an attempt are no longer known."""

    def failures(
        self,
        service: str,
        candidate: str,
        baseline: str,
        since: float,
        until: float,
        most: int,
        rollout: str = "",
        met: float = 0.0,
    ) -> tuple[Failure, ...]:
        """At most `most` requests that the candidate was assigned by a rollout and that failed (status 0 or from 500)
        or were answered by another version, started in [since, until), latest first; each with the latest comparable
        one of the baseline in that time. Of a `rollout` of a flag: requests of the service by units whose last exposure
        before it, from `met` on, was to this variant, and beside them by units of the other, likewise."""

    def counted(self, service: str, since: float, until: float) -> int:
        """Rows held of a service that started in [since, until), for the loss check."""

    def weighed(self, service: str, since: float, until: float) -> Weighed:
        """The requests of a rollout that started in [since, until), estimated from the sample."""

    def forget(self, unit: str) -> int:
        """Erase a unit's events and sums, here and in what is not loaded yet. Returns how many rows went."""

    def retain(self, since: float) -> int:
        """Drop events that started before `since`. Returns how many rows went."""

    def close(self) -> None: ...
