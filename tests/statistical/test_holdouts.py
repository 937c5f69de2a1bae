"""How often the reading of a holdout tells the truth, by simulation with fixed seeds.

Users come again and again over a quarter, and some are new each day; what a user did adds up. Changes are shipped one
after the other to everybody but those held out, so that the effect grows; the truth at a look is what is expected of
the users seen until then. Looks begin on the first day, when next to nobody has come.
Tolerances: a rate of errors may exceed its nominal value by three standard errors of the simulation.
"""

from __future__ import annotations

from math import sqrt
from pathlib import Path

import numpy as np
import pytest
from tests.unit.stats.build import of_units

from fader.assign.bucket import bucket
from fader.model.evidence import HealthEvidence, MetricEvidence
from fader.model.holdout import Holdout, HoldoutState, HoldoutView, Measured
from fader.model.metric import Margin, Metric
from fader.model.rollout import Outcome
from fader.model.share import WHOLE, Draw, Interval
from fader.ports.events import Tracked
from fader.rollout.holdout import cell, follow, view
from fader.telemetry.duckdb_store import DuckDBEventStore

pytestmark = pytest.mark.slow

TEN = Margin("relative", 0.1)
ORDERS = Outcome(Metric("orders", "count", "higher", event="order"), TEN)
REVENUE = Outcome(Metric("revenue", "mean", "higher", event="order", value="amount"), TEN)
BUYERS = Outcome(Metric("buyers", "proportion", "higher", of="units", event="order"), TEN)
DAYS = 60
LOOKS = (1, 2, 3, 5, 8, 12, 18, 25, 33, 42, 51, 60)
OUTCOMES = (ORDERS, REVENUE, BUYERS)


def allowed(rate: float, runs: int) -> float:
    return rate + 3 * sqrt(rate * (1 - rate) / runs)


def state(share: float) -> HoldoutState:
    measured = tuple(Measured(outcome, i, 0.0) for i, outcome in enumerate(OUTCOMES))
    return HoldoutState("q4", Draw("holdout/q4", Interval(0, round(share * WHOLE))), 1, 0.0, measured=measured)


class Quarter:
    """`lift`: what all changes together do to the number of orders; a third is shipped on days 10, 25 and 40 each."""

    def __init__(self, seed: list[int], users: int, share: float, lift: float) -> None:
        self.g = g = np.random.default_rng(seed)
        self.held = g.random(users) < share
        self.came = np.floor(DAYS * g.beta(0.5, 1.0, users)).astype(int)
        self.keen, self.price = g.lognormal(-3.2, 1.0, users), g.lognormal(0.0, 0.8, users)
        self.orders, self.expected, self.base = (np.zeros(users) for _ in range(3))
        self.spent = np.zeros(users)
        self.state, self.lift, self.day = state(share), lift, 0

    def until(self, day: int) -> None:
        while self.day < day:
            shipped = sum(self.day >= d for d in (10, 25, 40)) / 3
            rate = np.where(self.came <= self.day, self.keen, 0.0)
            changed = rate * (1 + self.lift * shipped)
            new = self.g.poisson(np.where(self.held, rate, changed))
            self.orders += new
            self.spent += new * self.price
            self.base += rate
            self.expected += changed
            self.day += 1

    def read(self) -> HoldoutView:
        here = self.came < self.day
        held, others = here & self.held, here & ~self.held
        evidence = {
            i: MetricEvidence("", *(of_units(values[arm]) for arm in (others, held)))
            for i, values in enumerate((self.orders, self.spent, (self.orders > 0).astype(float)))
        }
        return view(self.state, None, evidence, HealthEvidence(int(others.sum()), int(held.sum())), self.day * 86_400.0)

    @property
    def truth(self) -> float:
        """The effect on orders per user, on whoever has come."""
        here = self.came < self.day
        return float((self.expected - self.base)[here].mean())


def test_nothing_is_found_where_nothing_was_shipped() -> None:
    """150 quarters of 8,000 users, 5 % held out, 12 looks: a difference is claimed at any of them in at most 1 %,
    though the numbers are known in the end."""
    runs, wrong, known = 150, np.zeros(3), np.zeros(3)
    for i in range(runs):
        quarter, claimed = Quarter([77_000, i], 8000, 0.05, 0.0), np.zeros(3, bool)
        for day in LOOKS:
            quarter.until(day)
            claimed |= [r.reading.verdict in ("better", "worse") for r in quarter.read().readings]
        wrong += claimed
        known += [r.reading.verdict != "unknown" for r in quarter.read().readings]
    assert (wrong / runs <= allowed(0.01, runs)).all(), wrong / runs
    assert (known / runs > 0.99).all()


def test_the_interval_covers_what_was_shipped_at_all_looks() -> None:
    """80 quarters of 12,000 users, 10 % held out, 50 % more orders in the end: missed at any look in at most 1 %, and
    found in most of them; the estimate is right on average to within three standard errors."""
    runs, missed, found, off = 80, 0, 0, []
    for i in range(runs):
        quarter, out = Quarter([77_001, i], 12_000, 0.10, 0.5), False
        for day in LOOKS:
            quarter.until(day)
            reading = quarter.read().readings[0].reading
            if reading.verdict != "unknown":
                out |= not reading.low <= quarter.truth <= reading.high
        missed += out
        found += reading.verdict == "better"
        off.append(reading.effect - quarter.truth)
    assert missed / runs <= allowed(0.01, runs)
    assert abs(np.mean(off)) <= 3 * np.std(off) / sqrt(runs)
    assert found / runs > 0.5


def test_the_store_has_the_planted_effect_and_every_user_in_the_arm_of_its_hash(tmp_path: Path) -> None:
    """20,000 users over nine weeks of which the store keeps two, and a restart: the sums are those that were made, and
    the interval covers what was planted."""
    g = np.random.default_rng(77_002)
    draw, users = Draw("holdout/year", Interval(0, 200_000)), 20_000
    names = [f"user-{i}" for i in range(users)]
    held = np.array([bucket(name, draw.salt) < 200_000 for name in names])
    assert abs(held.mean() - 0.2) < 3 * sqrt(0.2 * 0.8 / users)
    begun = follow(None, Holdout("year", draw, metrics=(ORDERS,)), {}, 1_000_000.0)
    assert begun is not None
    store, came, orders = DuckDBEventStore(tmp_path), np.zeros(users, bool), np.zeros(users)
    store.open_cell(cell(begun, begun.measured[0]))
    for week in range(9):
        begin = 1_000_000.0 + week * 7 * 86_400.0
        comes = np.flatnonzero(g.random(users) < 0.3)
        came[comes] = True
        buys = g.poisson(np.where(held[comes], 0.4, 0.5))
        orders[comes] += buys
        events = [Tracked(f"v{week}-{i}", "visit", names[i], begin + float(g.random())) for i in comes]
        for i, n in zip(comes, buys, strict=True):
            events += [Tracked(f"o{week}-{i}-{k}", "order", names[i], begin + 1.0 + k) for k in range(n)]
        for part in range(0, len(events), 1000):
            store.track(tuple(events[part : part + 1000]))
        store.load()
        store.retain(begin - 14 * 86_400.0)
        if week == 4:
            store.close()
            store = DuckDBEventStore(tmp_path)
    key = cell(begun, begun.measured[0]).key
    made = view(begun, None, {0: store.evidence(*key)[0]}, store.health(*key), 7_000_000.0)
    store.close()
    assert (made.held, made.others, made.mismatch) == (int((came & held).sum()), int((came & ~held).sum()), False)
    reading = made.readings[0].reading
    assert reading.candidate_value == orders[came & ~held].mean()
    assert reading.baseline_value == orders[came & held].mean()
    weeks = 9 * 0.3 / (1 - 0.7**9)  # those of a user who came at all
    assert reading.low <= 0.1 * weeks <= reading.high
    assert reading.verdict == "better"
    assert WHOLE * made.held / (made.held + made.others) == pytest.approx(200_000, rel=0.05)
