"""Every error that fader raises on purpose.

FaderError
├── BadInput        what a person wrote is wrong; carries each Problem with file, line and the fix   (exit 2)
├── Refused         the request is understood and not allowed now, e.g. a second active rollout      (exit 3)
├── NotFound        no such rollout, service, unit                                                   (exit 4)
├── Unavailable     something that fader needs does not answer: server, gateway, store               (exit 5)
├── Conflict        somebody else changed the state first (compare-and-swap lost); load again
└── Corrupt         a state file cannot be read; never repaired in silence                           (exit 2)
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, where, and what to do about it. `line` counts from 1; 0 where there is none."""

    message: str
    fix: str = ""
    path: str = ""
    line: int = 0

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}: " if self.line else (f"{self.path}: " if self.path else "")
        return f"{where}{self.message}" + (f"\n  fix: {self.fix}" if self.fix else "")


class FaderError(Exception):
    """Base of all. `exit_code` is what the command line ends with."""

    exit_code = 1


class BadInput(FaderError):
    exit_code = 2

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class Refused(FaderError):
    exit_code = 3


class NotFound(FaderError):
    exit_code = 4


class Unavailable(FaderError):
    exit_code = 5


class Conflict(FaderError):
    exit_code = 3


class Corrupt(FaderError):
    exit_code = 2
