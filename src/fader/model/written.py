"""The configuration as it was written: the text that was applied last, and where it comes from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Written:
    """`path`: the file that it was applied from, which manages it from then on; "" for a text without one, which may
    be changed in the dashboard. `at`: seconds since 1970 UTC, of the last change; `actor`: who applied it."""

    text: str
    path: str = ""
    at: float = 0.0
    actor: str = ""
