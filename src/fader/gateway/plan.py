"""In which order the files are replaced, so that no request meets half a change."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fader.gateway.resources import File, Resources


@dataclass(frozen=True, slots=True)
class Step:
    """Put `file` in place by an atomic rename and, if `file.ack` is not empty and Envoy runs, wait until that
    statistic shows `file.version` before the next step. With `file` None: unlink `path`, nothing to wait for.

    `wait` False: the file is written ahead of the listener that will read it, so there is nothing to wait for yet.
    """

    path: Path
    file: File | None
    wait: bool = True


def plan_writes(old: Resources | None, new: Resources) -> tuple[Step, ...]:
    """The steps from what Envoy holds (`old`; None: nothing, the files are written before it starts) to `new`.

    1. shares that shrink or end (RTDS), so that a rollback is in force before anything else is looked at;
    2. clusters, the old ones still among them (CDS);  3. secrets and the routes of new listeners;
    4. listeners (LDS);  5. routes (RDS);  6. shares that had to wait for the routes (RTDS);
    7. clusters without the old ones (CDS);  8. files that nobody reads any more.

    A step whose file would not change is left out: a new share alone is one step.
    """
    raise NotImplementedError
