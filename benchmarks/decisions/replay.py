"""One stream through one rule: who gets the candidate when, whom it hurts, and when the rule says stop."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal, Protocol

import numpy as np

from .stream import Change, Floats, Requests, Stream

#: Minutes in which a user asks more often for the candidate because it is new; the effect fades like exp(-t/this).
NOVEL = 60.0

Step = Literal["on", "stop", "done"]


class Rule(Protocol):
    """`share` of users (or of single requests, by `split`) that get the candidate until the next look.

    `epoch` counts the shares so far. `every`: minutes between looks.
    """

    @property
    def share(self) -> float: ...

    @property
    def epoch(self) -> int: ...

    @property
    def every(self) -> int: ...

    @property
    def split(self) -> Literal["user", "request"]: ...

    def look(self, minute: float, seen: Requests) -> Step:
        """What arrived since the last look. `stop` pulls the plug, `done` gives everybody the candidate."""


@dataclass(frozen=True)
class Result:
    """`stopped`, `completed`: minutes, inf if it never happened. `hurt`: users with a request that the candidate
    made fail, or slow, and the baseline would not have. A bad version that nobody stops goes on hurting."""

    stopped: float
    completed: float
    hurt: int


class Replay:
    def __init__(self, stream: Stream, change: Change) -> None:
        self.stream, self.change = stream, change
        users = stream.world.users
        self.hurt = np.zeros(users, bool)
        self.first = np.full(users, inf)
        self.waiting: tuple[Requests, Floats] | None = None

    def run(self, rule: Rule) -> Result:
        minute, stopped, completed = 0, inf, inf
        while minute < self.stream.minutes:
            until = min(minute + rule.every, self.stream.minutes)
            step = rule.look(until, self._arrived(self._happen(rule, minute, until), until))
            minute = until
            if step == "stop":
                stopped = until
                break
            if step == "done":
                completed = until
                break
        if completed < inf and not self.change.harmless:
            self._everybody(minute)
        return Result(stopped, completed, int(self.hurt.sum()))

    def _everybody(self, begin: int) -> None:
        """Nobody watches any more, everybody has the candidate."""
        if self.stream.world.novelty:  # who asks how often depends on when each has met it
            self._happen(Everybody(), begin, self.stream.minutes)
        else:
            self.hurt |= self.stream.last_hurt(self.change) >= begin

    def _happen(self, rule: Rule, begin: int, end: int) -> tuple[Requests, Floats]:
        """The requests of these minutes, each answered by the version that the rule gives it, and their delays."""
        stream, world = self.stream, self.stream.world
        part = stream.between(begin, end)
        user = stream.user[part]
        counts = np.diff(stream.ends[begin : end + 1])
        minute = np.repeat(np.arange(begin, end) + 0.5, counts)
        place = stream.place[user] if rule.split == "user" else stream.splits[part]
        on = place < rule.share
        delay = stream.delay[part] if stream.delay is not None else np.zeros(len(user))
        kept = self._kept(user, on, minute, stream.extra[part]) if world.novelty else np.ones(len(user), bool)
        failed, ms, worse = stream.answers(part, user, minute, on, self.change)
        self.hurt[user[worse & kept]] = True
        happened = Requests(
            user,
            place,
            on,
            failed,
            stream.fails[part] > 1 - world.rejections,
            stream.buys[part] < world.purchases * stream.swing(minute),
            ms,
            minute,
            np.full(len(user), rule.epoch),
        )
        return (happened, delay) if kept.all() else (happened.where(kept), delay[kept])

    def _kept(self, user: np.ndarray, on: np.ndarray, minute: Floats, draw: Floats) -> np.ndarray:
        """Which requests are made at all: the extra ones only while the candidate is new to a user who has met it."""
        novelty = self.stream.world.novelty
        age = minute - self.first[user]
        fresh = np.where(on & (age >= 0), np.exp(-np.maximum(age, 0) / NOVEL), 0.0)
        kept: np.ndarray = draw < (1 + novelty * fresh) / (1 + novelty)
        np.minimum.at(self.first, user[on & kept], minute[on & kept])
        return kept

    def _arrived(self, new: tuple[Requests, Floats], until: float) -> Requests:
        if self.stream.delay is None:
            return new[0]
        requests, delay = new
        due = requests.minute + delay
        if self.waiting is not None:
            requests, due = self.waiting[0] + requests, np.concatenate([self.waiting[1], due])
        there = due <= until
        self.waiting = requests.where(~there), due[~there]
        return requests.where(there)


class Everybody:
    """Nobody watches any more, everybody has the candidate."""

    share, epoch, every = 1.0, -1, 1
    split: Literal["user", "request"] = "user"

    def look(self, minute: float, seen: Requests) -> Step:
        return "on"
