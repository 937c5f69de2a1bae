"""How often a rollout of a harmless candidate is rolled back, looked at all the way, with five guardrails."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import inf

from fader.model.metric import Margin
from fader.model.rollout import Profile

from .fader import Fader, Watched, errors, proportion, quantile, spec_of
from .replay import Replay
from .stream import Change, Stream, World

#: Errors, rejections, p95, p50, and what users buy, where a fall is the harm.
FIVE: tuple[Watched, ...] = (
    errors(0.005),
    proportion("rejections", lambda r: r.rejected, Margin("absolute", 0.01), "lower"),
    quantile("p95", 0.95, Margin("relative", 0.2)),
    quantile("p50", 0.5, Margin("relative", 0.2)),
    proportion("purchases", lambda r: r.bought, Margin("relative", 0.3), "higher"),
)
PLAIN = World(rate=1200.0, users=8000, errors=0.01, purchases=0.06)
#: Users of very different activity and proneness, a load that swings, and an incident in both arms.
HARD = replace(PLAIN, spread=1.2, concentration=0.1, swing=0.5, incidents=((8.0, 18.0, 8.0), (40.0, 55.0, 8.0)))
WORLDS = {"plain": PLAIN, "hard": HARD}
#: Minutes of a run: time for nearly every ramp to end by itself.
HORIZON = 240


@dataclass(frozen=True)
class NullJob:
    world: str
    first: int
    last: int
    seed: int


@dataclass(frozen=True)
class Null:
    """`rolled_back` by profile, `completed` in `balanced`, of `runs`."""

    runs: int
    rolled_back: dict[Profile, int]
    completed: int

    def __add__(self, other: Null) -> Null:
        both = {profile: n + other.rolled_back[profile] for profile, n in self.rolled_back.items()}
        return Null(self.runs + other.runs, both, self.completed + other.completed)


def null(job: NullJob) -> Null:
    """Both profiles on the same streams.

    They differ in one threshold alone, so until `balanced` rolls back, `careful` does the same; only then is it run.
    """
    found: dict[Profile, int] = {"balanced": 0, "careful": 0}
    completed = 0
    for run in range(job.first, job.last):
        stream = Stream(WORLDS[job.world], (job.seed, list(WORLDS).index(job.world), run), HORIZON)
        for profile in found:
            rule = Fader(stream, spec_of(FIVE, bake=300.0, profile=profile), FIVE)
            result = Replay(stream, Change()).run(rule)
            found[profile] += result.stopped < inf
            if profile == "balanced":
                completed += result.completed < inf
            if result.stopped == inf:
                break
    return Null(job.last - job.first, found, completed)
