"""How often a key may ask: a token bucket."""

from __future__ import annotations

from dataclasses import dataclass

from fader.clock import Clock


@dataclass(frozen=True, slots=True)
class Limits:
    """Requests per second over OFREP, of all who hold a server key or the client key together; 0 is no limit."""

    server: float = 0.0
    client: float = 0.0


NO_LIMITS = Limits()


class Allowance:
    """`rate` requests per second, and after a rest as many at once as come in one."""

    def __init__(self, rate: float, clock: Clock) -> None:
        self._rate, self._clock = rate, clock
        self._left = self._most = max(1.0, rate)
        self._at = clock()

    def wait(self) -> float:
        """0 for whoever may ask now, which is counted; else the seconds until one may."""
        now = self._clock()
        self._left = min(self._most, self._left + max(0.0, now - self._at) * self._rate)
        self._at = now
        if self._left < 1.0:
            return (1.0 - self._left) / self._rate
        self._left -= 1.0
        return 0.0
