"""Whole ramps through `decide`: harmless candidates, bad ones, and an error that the baseline never had."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..fader import USUAL, Fader, spec_of
from ..null import FIVE, HORIZON, WORLDS, NullJob, null
from ..replay import Replay
from ..stream import Change, Stream, World
from .check import Check, Runs, Study, detected

SEED = 20_261_125


def harmless(world: str, runs: int, shard: int) -> Runs:
    found = null(NullJob(world, shard * runs, (shard + 1) * runs, SEED))
    return {
        "runs": np.array([float(found.runs)]),
        "completed": np.array([float(found.completed)]),
        **{profile: np.array([float(count)]) for profile, count in found.rolled_back.items()},
    }


def harmless_holds(runs: Runs) -> list[Check]:
    total = int(runs["runs"].sum())
    most = {"balanced": 0.02, "careful": 0.005}
    found = [
        Check(f"{profile}: rolled back", f"≤ {limit}", float(runs[profile].sum()) / total, 0, limit, total)
        for profile, limit in most.items()
    ]
    return [*found, Check("completed within 4 hours", "> 0", float(runs["completed"].sum()) / total, 0.01, 1, total)]


BAD = {"errors x5": Change(errors=5.0), "errors x2": Change(errors=2.0), "latency x1.3": Change(latency=1.3)}


def harmful(shard: int, runs: int) -> Runs:
    found = {}
    for i, (name, change) in enumerate(BAD.items()):
        streams = (Stream(WORLDS["hard"], (SEED, 7, i, shard, run), HORIZON) for run in range(runs))
        results = [Replay(s, change).run(Fader(s, spec_of(FIVE, bake=300.0), FIVE)) for s in streams]
        found[name] = np.array([r.stopped for r in results])
        found[f"{name} completed"] = np.array([r.completed for r in results])
    return found


def harmful_holds(runs: Runs) -> list[Check]:
    """Twice the errors may take longer than the four hours of a run, but never reaches everybody."""
    found = [detected(f"{name}, in the hard world", runs[name], 1.0) for name in BAD if name != "errors x2"]
    for name in BAD:
        reached = float(np.isfinite(runs[f"{name} completed"]).mean())
        found.append(Check(f"{name}, in the hard world: reached 100 %", "0", reached, 0, 0.05, len(runs[name])))
    return found


NEW = {"1 % of requests": Change(new=0.01), "5 % of requests": Change(new=0.05)}


def new_error(shard: int, runs: int) -> Runs:
    found = {}
    for i, (name, change) in enumerate(NEW.items()):
        streams = (Stream(World(errors=0.0), (SEED, 8, i, shard, run), 600) for run in range(runs))
        hurt = [Replay(s, change).run(Fader(s, spec_of(USUAL))).hurt for s in streams]
        found[name] = np.array(hurt, float)
    return found


def new_error_holds(runs: Runs) -> list[Check]:
    return [
        Check(f"a new error in {name}: users hurt, median", "≤ 6", float(np.median(hurt)), 1, 6, len(hurt))
        for name, hurt in runs.items()
    ]


STUDIES = (
    Study("whole ramp of a harmless candidate, plain world", 50, partial(harmless, "plain", 40), harmless_holds),
    Study("whole ramp of a harmless candidate, hard world", 50, partial(harmless, "hard", 40), harmless_holds),
    Study("whole ramp of a bad candidate", 10, partial(harmful, runs=5), harmful_holds),
    Study("a new error where there were none", 4, partial(new_error, runs=25), new_error_holds),
)
