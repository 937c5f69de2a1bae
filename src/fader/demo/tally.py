"""What the visitors saw, counted by them and not by the gateway: the demo's own witness."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """`failed`: no answer, or a status of 500 or more, whoever caused it; `failed_reads`: those among the GETs.

    `by_version` counts answers by the version that gave them; `skipped` are requests that were due and not sent,
    because too many were open.
    """

    requests: int = 0
    failed: int = 0
    failed_reads: int = 0
    skipped: int = 0
    by_version: Counter[str] = field(default_factory=Counter)

    def count(self, method: str, status: int, version: str) -> None:
        """One request is over; `status` 0 is no answer."""
        self.requests += 1
        if version:
            self.by_version[version] += 1
        if status == 0 or status >= 500:
            self.failed += 1
            if method == "GET":
                self.failed_reads += 1
