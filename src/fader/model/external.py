"""Numbers that somebody else counts: where they are asked for, how, and what was answered."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import Literal


@dataclass(frozen=True, slots=True)
class Provider:
    """`token_env`, `token_file`: where the bearer token stands, "" for none; the token itself is never kept.
    `timeout`: seconds for one answer, its retries included."""

    name: str
    kind: Literal["prometheus", "web"]
    url: str
    token_env: str = ""
    token_file: str = ""
    timeout: float = 5.0


@dataclass(frozen=True, slots=True)
class External:
    """Counters have `events` and `total`, which only grow within a stage; a series has `series`, a level. They are
    queries of Prometheus, or JSON paths into what `path` answers. `every`: seconds between two questions."""

    provider: Provider
    events: str = ""
    total: str = ""
    series: str = ""
    path: str = ""
    every: float = 15.0

    @property
    def counters(self) -> bool:
        return not self.series

    @property
    def texts(self) -> tuple[str, ...]:
        """What is asked for of each arm, in the order of the numbers in an answer."""
        return (self.events, self.total) if self.counters else (self.series,)


PLACEHOLDERS = ("version", "service", "since", "window", "every")


@dataclass(frozen=True, slots=True)
class Question:
    """What the placeholders stand for. `since`: when the stage began, `at`: now, both seconds since 1970."""

    service: str
    version: str
    since: float
    at: float
    every: float

    def filled(self, text: str) -> str:
        """`{{window}}` is the age of the stage, as Prometheus writes durations."""
        values = {
            "version": self.version,
            "service": self.service,
            "since": f"{self.since:.3f}",
            "window": f"{max(1, ceil(self.at - self.since))}s",
            "every": f"{max(1, ceil(self.every))}s",
        }
        for name, value in values.items():
            text = text.replace("{{" + name + "}}", value)
        return text


@dataclass(frozen=True, slots=True)
class Answer:
    """The numbers of both arms (`External.texts`), or why there are none."""

    candidate: tuple[float, ...] = ()
    baseline: tuple[float, ...] = ()
    missing: str = ""
