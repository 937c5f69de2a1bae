"""The worlds of the comparison, and what a bad candidate does in each."""

from __future__ import annotations

from dataclasses import dataclass

from .stream import Change, World

#: Minutes of each run: the longest ramp of a peer and then some.
HORIZON = 1800

TWICE, FIVE = Change(errors=2.0), Change(errors=5.0)
SLOWER, SLOW = Change(latency=1.2), Change(latency=2.0)
LATER = Change(errors=5.0, onset=30.0)


@dataclass(frozen=True)
class Scenario:
    title: str
    about: str
    world: World
    bad: dict[str, Change]


SCENARIOS: dict[str, Scenario] = {
    "constant": Scenario(
        "Constant traffic",
        "600 requests a minute by 12,000 returning users, 0.5 % errors, p95 226 ms",
        World(),
        {"errors x2": TWICE, "errors x5": FIVE, "latency +20 %": SLOWER, "latency x2": SLOW, "x5 after 30 min": LATER},
    ),
    "diurnal": Scenario(
        "Day and night",
        "load and error rate swing by half over a day",
        World(swing=0.5),
        {"errors x2": TWICE, "errors x5": FIVE, "x5 after 30 min": LATER},
    ),
    "heavy": Scenario(
        "Heavy users",
        "a few users make most requests (log-sd 1.2), and a few have most errors",
        World(spread=1.2, concentration=0.1),
        {"errors x2": TWICE, "errors x5": FIVE, "latency +20 %": SLOWER},
    ),
    "incident": Scenario(
        "Incidents in both arms",
        "eight times the errors on both versions, three times for a quarter or half an hour",
        World(incidents=((20, 35, 8), (90, 105, 8), (300, 330, 8))),
        {"errors x2": TWICE, "errors x5": FIVE},
    ),
    "novelty": Scenario(
        "Novelty",
        "users ask 30 % more often when they first get the candidate; it fades within hours",
        World(novelty=0.3),
        {"errors x5": FIVE, "latency +20 %": SLOWER},
    ),
    "low": Scenario(
        "Low traffic",
        "30 requests a minute by 600 users",
        World(rate=30.0, users=600),
        {"errors x5": FIVE, "latency x2": SLOW},
    ),
    "zero": Scenario(
        "No errors at all before",
        "the baseline has none; the candidate brings one that is new",
        World(errors=0.0),
        {"1 % new errors": Change(new=0.01), "5 % new errors": Change(new=0.05)},
    ),
    "late": Scenario(
        "Late events",
        "a fifth of the log lines arrives late, by 10 minutes in the mean",
        World(late=0.2),
        {"errors x2": TWICE, "errors x5": FIVE},
    ),
}
