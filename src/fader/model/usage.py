"""How often apps asked for a flag, and what they were given."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

#: Days that are kept.
DAYS = 35


@dataclass(frozen=True, slots=True)
class Usage:
    """`count` evaluations of `flag` gave `variant` on that `day` (YYYY-MM-DD, UTC)."""

    flag: str
    variant: str
    day: str
    count: int


@dataclass(frozen=True, slots=True)
class Given:
    """How often a variant was given: `today` (UTC), and in the `week` that ends with it; and the `first` and the `last`
    day of those kept on which it was."""

    flag: str
    variant: str
    today: int
    week: int
    first: str
    last: str


class Counted:
    """What is known of all flags. `since`: the first day of which anything is, "" for none."""

    def __init__(self, given: tuple[Given, ...] = ()) -> None:
        self._by_flag: dict[str, list[Given]] = {}
        for one in given:
            self._by_flag.setdefault(one.flag, []).append(one)
        self.since = min((one.first for one in given), default="")

    def given(self, flag: str) -> tuple[Given, ...]:
        return tuple(self._by_flag.get(flag, ()))

    def last(self, flag: str) -> str:
        """The last day on which anybody asked for it, "" for none."""
        return max((one.last for one in self.given(flag)), default="")


def day_of(at: float) -> str:
    """Of seconds since 1970, in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()


def days_before(day: str, days: int) -> str:
    return (date.fromisoformat(day) - timedelta(days)).isoformat()
