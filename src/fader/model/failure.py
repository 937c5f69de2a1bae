"""Failed requests as people look at them: which, when, and what the baseline did with such a one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    """`status`: 0 when nothing was answered. `served`: the version that answered, "" for none; `assigned`: the one that
    was to answer; `ms`: its duration, None where it was not logged. `route`: its template, by which requests are
    comparable; `trace`: the id of its trace, "" without one. Whose it was is not said."""

    at: float
    method: str
    path: str
    route: str
    status: int
    served: str
    ms: float | None
    trace: str = ""
    assigned: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request of a unit of the candidate that failed or that another version had to answer. `beside`: the
    latest request of the same route by a unit of the baseline, None without one."""

    request: Request
    beside: Request | None = None
