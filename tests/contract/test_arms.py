"""Further arms of an experiment: each is summed as the candidate is, against the same baseline, in all event stores."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from fader.model.arm import Arm
from fader.model.evidence import HealthEvidence, MetricEvidence, NameEvidence
from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.model.summary import ArmSummary
from fader.ports.events import Cell, CellMetric, EventStore, Tracked
from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.memory import MemoryEventStore

ORDERS = Metric("orders", "count", "higher", event="order")
ERRORS = Metric("errors", "proportion", "lower", where=(Comparison("status", ">=", 500),))
SLOW = Metric("latency", "quantile", "lower", value="duration_ms", q=0.95)
CELL = Cell(
    "shop-v2",
    1,
    0,
    "shop",
    "v2",
    "shop/shop-v2",
    Interval(0, 250_000),
    (CellMetric(ERRORS), CellMetric(ORDERS), CellMetric(SLOW, 10.0, 20.0)),
    since=1000.0,
    arms=(Arm("v3", Interval(250_000, 250_000)), Arm("v4", Interval(500_000, 250_000))),
)


@pytest.fixture(params=["memory", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    made: EventStore = MemoryEventStore() if request.param == "memory" else DuckDBEventStore(tmp_path / "store")
    yield made
    made.close()


class Log:
    def __init__(self, store: EventStore) -> None:
        self.store, self.offset, self.count = store, 0, 0

    def request(self, unit: str, v: str, t: float = 1001.0, **changes: object) -> None:
        fields = {"t": t, "u": unit, "s": "shop", "r": "shop-v2", "v": v, "w": v, "why": "rollout", "p": 1, "c": 200}
        line = json.dumps(fields | {"m": "GET", "path": "/", "us": 1000} | changes).encode() + b"\n"
        self.offset = self.store.append("gw", "a", self.offset, line)
        self.store.load()

    def did(self, unit: str, name: str = "order", at: float = 1002.0) -> None:
        self.count += 1
        self.store.track((Tracked(f"e{self.count}", name, unit, at),))
        self.store.load()

    def met(self, unit: str, version: str, at: float = 1001.0) -> None:
        self.count += 1
        self.store.track((Tracked(f"x{self.count}", "exposure", unit, at, (), "shop-v2", version),))
        self.store.load()


def found(store: EventStore, metric: int) -> MetricEvidence:
    return store.evidence(*CELL.key)[metric]


def everybody(log: Log) -> None:
    for unit, version in (("ann", "v1"), ("bob", "v2"), ("cid", "v3"), ("dan", "v3"), ("eve", "v4")):
        log.request(unit, version)


def test_each_arm_has_its_own_units_and_events(store: EventStore) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    for unit in ("ann", "cid", "cid", "eve"):
        log.did(unit)
    log.request("dan", "v3", 1003.0, c=503, us=30_000)
    orders, errors = found(store, 1), found(store, 0)
    assert (orders.candidate.units, orders.candidate.events) == (1, 0)
    assert (orders.baseline.units, orders.baseline.events) == (1, 1)
    assert [arm for arm, _ in orders.others] == ["v3", "v4"]
    assert dict(orders.others)["v3"] == ArmSummary(2, 2, 2, 4, 2, 2, first=1, failures=2)
    assert dict(orders.others)["v4"] == ArmSummary(1, 1, 1, 1, 1, 1, first=1, failures=1)
    assert dict(errors.others)["v3"] == ArmSummary(2, 3, 1, 1, 2, 5, first=1, failures=1)
    assert (errors.candidate.failures, errors.baseline.failures) == (0, 0)
    assert store.health(*CELL.key) == HealthEvidence(1, 1, others=(("v3", 2), ("v4", 1)))


def test_values_of_a_quantile_are_kept_by_arm(store: EventStore) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    log.request("dan", "v3", 1003.0, us=30_000)
    slow = found(store, 2)
    assert [sum(b.values.counts) for b in slow.beside] == [3, 1]
    assert sum(slow.baseline_values.counts) == sum(slow.candidate_values.counts) == 1
    assert dict(slow.others)["v3"].over == 1


@pytest.mark.parametrize("other", ["v1", "v2", "v4"])
@pytest.mark.parametrize("tracked", [False, True])
def test_who_was_in_two_arms_counts_in_neither(store: EventStore, other: str, tracked: bool) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    log.did("cid")
    assert dict(found(store, 1).others)["v3"].units == 2
    log.met("cid", other) if tracked else log.request("cid", other, 1005.0)
    orders = found(store, 1)
    assert dict(orders.others) == {"v3": ArmSummary(1, 1, nn=1), "v4": ArmSummary(1, 1, nn=1)}
    assert (orders.candidate.units, orders.baseline.units) == (1, 1)
    health = store.health(*CELL.key)
    assert (health.candidate_units, health.baseline_units, health.unexposed, health.silent) == (1, 1, 0, 0)
    assert health.others == (("v3", 1), ("v4", 1))
    assert health.crossed == (other != "v4")  # of the baseline and the candidate; the arms have their own counts


def test_who_has_the_baseline_since_an_arm_was_withdrawn_is_no_evidence(store: EventStore) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    log.request("cid", "v1", 1005.0, why="withdrawn", c=500)
    log.request("fay", "v1", 1005.0, why="withdrawn", c=500)
    errors = found(store, 0)
    assert (errors.baseline.units, errors.baseline.failures) == (1, 0)
    assert dict(errors.others)["v3"].units == 2
    assert store.health(*CELL.key).crossed == 0


def test_names_are_of_the_candidate_and_the_baseline(store: EventStore) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    log.did("bob", "search")
    log.did("eve", "search")
    names = store.names(*CELL.key).found
    assert NameEvidence("event", "search", 1, 0) in names
    assert NameEvidence("route", "GET /", 1, 1) in names


def test_covariates_are_centred_on_all_arms(store: EventStore) -> None:
    """What units did before: their mean over all arms together is 0, so that any two arms can be compared."""
    store.open_cell(replace(CELL, past=900.0))
    log = Log(store)
    for unit, orders in (("ann", 1), ("bob", 2), ("cid", 4), ("dan", 0), ("eve", 3)):
        log.request(unit, "v1", 950.0, why="none")
        for _ in range(orders):
            log.did(unit, at=951.0)
    everybody(log)
    orders = found(store, 1)
    arms = {"v1": orders.baseline.x, "v2": orders.candidate.x} | {arm: s.x for arm, s in orders.others}
    assert arms == pytest.approx({"v1": 1 - 2, "v2": 2 - 2, "v3": 4 - 4, "v4": 3 - 2})


def test_arms_end_with_the_stage_and_are_kept_with_its_answers(store: EventStore) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    log.request("fay", "v3", 1500.0)
    store.open_cell(replace(CELL, until=1400.0))
    assert dict(found(store, 1).others)["v3"].units == 2
    before = store.evidence(*CELL.key), store.health(*CELL.key)
    store.retain(1450.0)
    assert (store.evidence(*CELL.key), store.health(*CELL.key)) == before


def test_who_is_forgotten_leaves_every_arm(store: EventStore) -> None:
    store.open_cell(CELL)
    log = Log(store)
    everybody(log)
    log.did("cid")
    store.forget("cid")
    assert dict(found(store, 1).others)["v3"] == ArmSummary(1, 1, nn=1)


def test_a_store_goes_on_where_it_was(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path / "store")
    store.open_cell(CELL)
    everybody(Log(store))
    before = store.evidence(*CELL.key), store.health(*CELL.key)
    store.close()
    again = DuckDBEventStore(tmp_path / "store")
    again.open_cell(CELL)
    assert (again.evidence(*CELL.key), again.health(*CELL.key)) == before
    again.close()
