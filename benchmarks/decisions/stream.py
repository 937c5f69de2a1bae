"""A stream of requests by returning users, with what each request would do on either version.

Every rule replays the same requests: who asks when, and three draws per request that decide whether it fails, how
long it takes and where a rule that splits requests would send it. What differs between rules is only who gets the
candidate when. So "hurt" is meant causally: a request that the baseline would have served well.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY = 1440.0
#: Latency on the baseline: median in ms, and log-sd between users and within a user.
MEDIAN_MS, BETWEEN, WITHIN = 100.0, 0.3, 0.4
#: Minutes of the baseline alone from which a rule may learn what is normal.
HISTORY = 60


@dataclass(frozen=True)
class World:
    """What happens around a rollout, to both versions alike. Times are minutes since its start.

    `rate`: requests a minute, of `users` whose activity has the log-sd `spread`; `errors`: share of requests that
    fail on the baseline; `concentration`: of the Beta distribution of that share over users (small: few users have
    nearly all errors). `rejections`, `purchases`: shares of requests that are a 4xx, and that buy something.
    `swing`: the load goes up and down by this share over a day, and the shares of errors and purchases with it.
    `incidents`: (from, until, factor of errors) in both arms. `novelty`: by how much a user who has just got the
    candidate asks more often, at first. `late`: share of requests whose log line arrives with a delay (mean 10
    minutes).
    """

    rate: float = 600.0
    users: int = 12_000
    spread: float = 0.6
    errors: float = 0.005
    concentration: float = 1.0
    rejections: float = 0.02
    purchases: float = 0.03
    swing: float = 0.0
    incidents: tuple[tuple[float, float, float], ...] = ()
    novelty: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Change:
    """What the candidate does to its users: from minute `onset`, errors x `errors` plus `new`, latency x `latency`."""

    errors: float = 1.0
    new: float = 0.0
    latency: float = 1.0
    onset: float = 0.0

    @property
    def harmless(self) -> bool:
        return self == Change()


@dataclass(frozen=True)
class Requests:
    """Parallel arrays. `place`: in [0, 1), what a rule splits by; `since`: the minute; `epoch`: which share, counted
    by the rule, was in force when the request happened."""

    user: Ints
    place: Floats
    candidate: Flags
    failed: Flags
    rejected: Flags
    bought: Flags
    ms: Floats
    minute: Floats
    epoch: Ints

    def __len__(self) -> int:
        return len(self.user)

    def where(self, chosen: Flags | slice) -> Requests:
        return Requests(*(getattr(self, name)[chosen] for name in self.__dataclass_fields__))

    def __add__(self, other: Requests) -> Requests:
        pairs = ((getattr(self, n), getattr(other, n)) for n in self.__dataclass_fields__)
        return Requests(*(np.concatenate(pair) for pair in pairs))


class Stream:
    """`minutes` of a world, drawn once from `seed`; nothing in it depends on who gets the candidate."""

    def __init__(self, world: World, seed: tuple[int, ...], minutes: int) -> None:
        g = np.random.default_rng(seed)
        self.world, self.minutes = world, minutes
        weights = np.exp(g.normal(0, world.spread, world.users))
        load = self.swing(np.arange(minutes, dtype=np.float64) + 0.5)
        self.rates = weights / weights.sum() * world.rate
        self.prone = self._proneness(g, world.errors)
        self.level = g.normal(0, BETWEEN, world.users)
        self.place = g.random(world.users)
        who = np.repeat(np.arange(world.users), g.poisson(self.rates * load.sum() * (1 + world.novelty)))
        self.user = g.permutation(who)
        count = len(who)
        self.ends = np.concatenate([[0], np.cumsum(g.multinomial(count, load / load.sum()))])
        self.fails, self.splits = g.random(count), g.random(count)
        self.buys = g.random(count)
        self.noise = g.normal(0, WITHIN, count)
        self.extra = g.random(count) if world.novelty else np.ones(count)
        self.delay = np.where(g.random(count) < world.late, g.exponential(10.0, count), 0.0) if world.late else None
        self.history = self._history(g)
        self._last_hurt: dict[Change, Floats] = {}

    def _proneness(self, g: np.random.Generator, mean: float) -> Floats:
        """Share of each user's requests that fail, with mean `mean` over the requests."""
        if mean <= 0:
            return np.zeros(self.world.users)
        found = g.beta(self.world.concentration, self.world.concentration * (1 - mean) / mean, self.world.users)
        scaled: Floats = found * mean / float(np.average(found, weights=self.rates))
        return scaled

    def _history(self, g: np.random.Generator) -> Requests:
        user = np.repeat(np.arange(self.world.users), g.poisson(self.rates * HISTORY))
        count = len(user)
        draws = g.random(count)
        ms = MEDIAN_MS * np.exp(self.level[user] + g.normal(0, WITHIN, count))
        none = np.zeros(count, bool)
        return Requests(
            user,
            self.place[user],
            none,
            draws < self.prone[user],
            draws > 1 - self.world.rejections,
            g.random(count) < self.world.purchases,
            ms,
            -HISTORY * g.random(count),
            np.full(count, -1),
        )

    def swing(self, minute: Floats) -> Floats:
        return 1 + self.world.swing * np.sin(2 * np.pi * minute / DAY)

    def incident(self, minute: Floats) -> Floats:
        factor = self.swing(minute)
        for begin, end, times in self.world.incidents:
            factor = np.where((minute >= begin) & (minute < end), factor * times, factor)
        return factor

    @cached_property
    def slow_ms(self) -> float:
        """The baseline's 95th percentile: beyond it a request is slow."""
        return float(np.quantile(self.history.ms, 0.95))

    def answers(
        self, part: slice, user: Ints, minute: Floats, on: Flags, change: Change
    ) -> tuple[Flags, Floats, Flags]:
        """Of the requests of `part`, those that are `on` the candidate: which fail, how many ms each takes, and which
        are hurt: the baseline would have served them well."""
        usual = np.minimum(self.prone[user] * self.incident(minute), 1.0)
        harm = on & (minute >= change.onset)
        draw = self.fails[part]
        failed = draw < np.where(harm, np.minimum(usual * change.errors + change.new, 1.0), usual)
        ms = MEDIAN_MS * np.exp(self.level[user] + self.noise[part])
        slower = np.where(harm, ms * change.latency, ms)
        return failed, slower, (failed & (draw >= usual)) | ((slower > self.slow_ms) & (ms <= self.slow_ms))

    def last_hurt(self, change: Change) -> Floats:
        """The last minute in which each user is hurt by a candidate that everybody has; -1 for never."""
        if change not in self._last_hurt:
            minute = np.repeat(np.arange(self.minutes) + 0.5, np.diff(self.ends))
            *_, worse = self.answers(slice(None), self.user, minute, np.ones(len(self.user), bool), change)
            found = np.full(self.world.users, -1.0)
            found[self.user[worse]] = minute[worse]  # in the order of time: the last one stays
            self._last_hurt[change] = found
        return self._last_hurt[change]

    def between(self, begin: float, end: float) -> slice:
        """The requests of the minutes [begin, end)."""
        return slice(int(self.ends[int(begin)]), int(self.ends[min(int(end), self.minutes)]))


def log_bins(ms: Floats, gamma: float) -> Ints:
    """The bin of fader's histograms that each value belongs to."""
    return np.ceil(np.log(ms) / log(gamma)).astype(np.int64)
