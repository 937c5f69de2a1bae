"""Cells of a holdout: the hash of a unit is its arm, and it enters by what no rollout can cause."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fader.assign.bucket import bucket
from fader.model.evidence import HealthEvidence
from fader.model.metric import Comparison, Metric, Selection
from fader.model.share import Draw, Interval
from fader.model.summary import ArmSummary
from fader.ports.events import Cell, CellMetric, EventStore, Exposure, Names, Tracked
from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.memory import MemoryEventStore

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
ORDERS = Metric("orders", "count", "higher", event="order")
HALF = Draw("holdout/q4", Interval(0, 500_000))
CELL = Cell(
    "holdout/q4",
    1,
    0,
    "",
    "",
    HALF.salt,
    HALF.interval,
    (CellMetric(ERRORS), CellMetric(ORDERS)),
    since=1000.0,
    draw=HALF,
)
NAMES = [f"u{i}" for i in range(40)]
HELD = [name for name in NAMES if bucket(name, HALF.salt) in HALF.interval]
REST = [name for name in NAMES if name not in HELD]


@pytest.fixture(params=["memory", "duckdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EventStore]:
    made: EventStore = MemoryEventStore() if request.param == "memory" else DuckDBEventStore(tmp_path / "store")
    yield made
    made.close()


class Log:
    def __init__(self, store: EventStore) -> None:
        self.store, self.offset, self.count = store, 0, 0

    def asked(self, unit: str, at: float = 1001.0, status: int = 200, **changes: object) -> None:
        fields = {"t": at, "u": unit, "s": "shop", "r": None, "v": "v1", "w": "v1", "why": "none", "p": 1, "c": status}
        text = json.dumps(fields | {"m": "GET", "path": "/"} | changes).encode() + b"\n"
        self.offset = self.store.append("gw", "a", self.offset, text)
        self.store.load()

    def did(self, unit: str, name: str = "order", at: float = 1002.0, rollout: str = "", variant: str = "") -> None:
        self.count += 1
        self.store.track((Tracked(f"e{self.count}", name, unit, at, (), rollout, variant),))
        self.store.load()


@pytest.fixture
def log(store: EventStore) -> Log:
    store.open_cell(CELL)
    return Log(store)


def arms(store: EventStore, metric: int = 0) -> tuple[ArmSummary, ArmSummary]:
    """The rest, and who is held out."""
    evidence = store.evidence(*CELL.key)[metric]
    return evidence.candidate, evidence.baseline


def units(store: EventStore) -> tuple[int, int]:
    health = store.health(*CELL.key)
    return health.candidate_units, health.baseline_units


def test_the_hash_says_the_arm_whatever_was_served(store: EventStore, log: Log) -> None:
    for i, name in enumerate(NAMES):
        log.asked(name, v=f"v{i % 3}", r="shop-v2", why="rollout" if i % 2 else "outside")
    assert units(store) == (len(REST), len(HELD))
    assert arms(store)[0] == ArmSummary(len(REST), len(REST), nn=len(REST))


def test_requests_count_whichever_service_and_reason_unless_a_unit_chose_for_itself(
    store: EventStore, log: Log
) -> None:
    for service, why in (("shop", "none"), ("mail", "outside"), ("shop", "rollout"), ("mail", "withdrawn")):
        log.asked(REST[0], status=500, s=service, why=why)
    for why in ("preview", "forced", "excluded"):
        log.asked(REST[0], status=500, why=why)
        log.asked(HELD[0], status=500, why=why)
    assert arms(store) == (ArmSummary(1, 4, 4, 16, 16, 16, first=1, failures=4), ArmSummary())
    assert units(store) == (1, 0)


def test_a_request_that_another_version_answered_is_what_its_user_saw(store: EventStore, log: Log) -> None:
    log.asked(REST[0], v="v2", w="v1", why="rollout")
    assert arms(store)[0] == ArmSummary(1, 1, nn=1)


def test_a_unit_enters_by_its_first_request_or_event(store: EventStore, log: Log) -> None:
    log.asked(REST[0], 999.0)
    log.did(REST[1], "order", 1003.0)
    log.asked(HELD[0], 1004.0)
    log.did(HELD[0], "order", 1003.5)  # comes late, and is before
    log.did(HELD[0], "order", 1005.0)
    assert units(store) == (1, 1)
    assert arms(store, 1)[1] == ArmSummary(1, 1, 2, 4, 2, 1, first=1, failures=2)


def test_nobody_enters_by_what_a_rollout_causes(store: EventStore, log: Log) -> None:
    """Exposures happen to those whom a rollout reached, errors to those whom it hurt, and failures that are kept of
    units outside the sample to both."""
    for name in (REST[0], HELD[0]):
        log.did(name, "exposure", 1002.0, "shop-v2", "v2")
        log.did(name, "error")
        log.asked(name, status=500, p=None)
    assert units(store) == (0, 0)
    log.asked(REST[0], 1001.5)
    assert units(store) == (1, 0)


def test_a_metric_of_errors_has_those_from_the_entry_on(store: EventStore) -> None:
    store.open_cell(replace(CELL, metrics=(CellMetric(Metric("bugs", "count", event="error")),)))
    log = Log(store)
    log.did(REST[0], "error", 1000.5)
    log.did(REST[0], "error", 1002.0)
    log.asked(REST[0], 1001.0)
    assert arms(store)[0] == ArmSummary(1, 1, 1, 1, 1, 1, first=1, failures=1)


def test_a_holdout_has_no_scan_and_no_exposure(store: EventStore, log: Log) -> None:
    log.asked(REST[0], status=500)
    assert store.names(*CELL.key) == Names()
    assert store.exposure("holdout/q4", 1) == Exposure()


def test_a_forgotten_unit_leaves_its_arm(store: EventStore, log: Log) -> None:
    log.asked(REST[0], status=500)
    log.asked(HELD[0])
    log.did(HELD[0])
    assert store.forget(HELD[0]) == 2
    assert units(store) == (1, 0)
    assert arms(store, 1)[1] == ArmSummary()


def test_what_rows_said_that_are_gone_stays(store: EventStore, log: Log) -> None:
    """A quarter is longer than events are kept."""
    for at in (1001.0, 2001.0):
        log.did(REST[0], at=at)
    log.asked(HELD[0], 1001.0)
    assert store.retain(5000.0) == 3
    log.did(REST[0], at=6000.0)
    log.did(HELD[0], at=6001.0)
    log.did(REST[0], at=1000.5)  # late, of a time whose rows are gone
    rest, held = arms(store, 1)
    assert rest == ArmSummary(1, 1, 4, 16, 4, 1, first=1, failures=4)
    assert held == ArmSummary(1, 1, 1, 1, 1, 1, first=1, failures=1)


def test_what_is_left_of_a_holdout_never_passes_for_all_of_it(store: EventStore) -> None:
    """As when the sums were lost: the cell is opened anew, and the first events are gone."""
    log = Log(store)
    for at in (1001.0, 6000.0):
        log.did(REST[0], at=at)
    store.retain(5000.0)
    store.open_cell(CELL)
    assert {e.missing for e in store.evidence(*CELL.key)} == {"its sums were lost, and events are gone"}
    assert units(store) == (0, 0)
    store.open_cell(replace(CELL, attempt=2, since=5000.0))
    assert store.evidence("holdout/q4", 2, 0)[1].candidate.events == 1


def test_an_ended_holdout_keeps_its_answers_when_the_rows_are_gone(store: EventStore, log: Log) -> None:
    log.did(REST[0])
    log.did(HELD[0], at=3000.0)
    store.open_cell(replace(CELL, until=2000.0))
    before = store.evidence(*CELL.key)
    assert before[1].baseline == ArmSummary()
    store.retain(5000.0)
    assert store.evidence(*CELL.key) == before
    assert units(store) == (1, 0)
    assert store.among("holdout/q4", 1, [REST[0]]) == Exposure()  # nobody was ever given anything by it
    assert store.forget(REST[0]) == 0


def test_retention_ripens_with_whatever_comes_in(store: EventStore) -> None:
    back = Metric("back", "retention", "higher", event="visit", after=60.0, window=600.0)
    store.open_cell(replace(CELL, metrics=(CellMetric(back),)))
    log = Log(store)
    log.asked(REST[0], 1001.0)
    log.did(REST[0], "visit", 1100.0)
    assert arms(store)[0] == ArmSummary()
    log.asked(HELD[0], 2000.0, s="mail")
    assert arms(store)[0].events == 1


def test_sums_survive_a_restart(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(CELL)
    log = Log(store)
    for name in NAMES:
        log.did(name)
    store.retain(1500.0)
    before = store.evidence(*CELL.key), store.health(*CELL.key)
    store.close()
    again = DuckDBEventStore(tmp_path)
    again.open_cell(CELL)
    assert (again.evidence(*CELL.key), again.health(*CELL.key)) == before
    assert before[1] == HealthEvidence(len(REST), len(HELD))
    again.track((Tracked("late", "order", REST[0], 900.0), Tracked("new", "order", REST[0], 1600.0)))
    again.load()
    assert arms(again, 1)[0].events == len(REST) + 1
    again.close()


def test_a_unit_that_is_no_utf8_has_the_arm_that_its_gateway_gave_it(store: EventStore, log: Log) -> None:
    """It is logged as Latin-1; what was hashed are its bytes."""
    held = 0
    for i in range(40):
        raw = f"{i:02}".encode() + "é".encode() * 127
        raw = raw[:-1] + b"\xc3\xa9"[:1] + b"x" if len(raw) != 256 else raw[:255] + b"\xc3"
        assert len(raw) == 256
        log.asked(raw.decode("latin-1"))
        held += bucket_of(raw)
    assert units(store) == (40 - held, held)
    assert 0 < held < 40


def bucket_of(raw: bytes) -> bool:
    import xxhash

    from fader.assign.bucket import seed

    return xxhash.xxh64_intdigest(raw, seed(HALF.salt)) % 1_000_000 in HALF.interval


KINDS = (
    ERRORS,
    Metric("latency", "quantile", value="duration_ms", q=0.95),
    Metric("buyers", "proportion", "higher", of="units", event="order"),
    Metric("orders", "count", "higher", event="order", window=900.0),
    Metric("basket", "ratio", "higher", event="order", per=Selection("visit")),
    Metric("back", "retention", "higher", event="visit", after=60.0, window=600.0),
    Metric("bugs", "count", event="error", cap=3.0),
)
WIDE = replace(CELL, metrics=tuple(CellMetric(m, 60.0, 80.0) for m in KINDS), past=400.0)
TIMES = st.integers(300, 4000).map(float)
LINES = st.fixed_dictionaries(
    {
        "t": TIMES,
        "u": st.sampled_from([*NAMES[:8], None]),
        "s": st.sampled_from(["shop", "mail"]),
        "why": st.sampled_from(["rollout", "none", "outside", "withdrawn", "preview", "forced", "excluded"]),
        "v": st.sampled_from(["v1", "v2", None]),
        "w": st.sampled_from(["v1", "v2", None]),
        "p": st.sampled_from([1, 0.5, None]),
        "c": st.sampled_from([200, 503, 0]),
        "us": st.sampled_from([None, 20_000, 70_000, 90_000]),
    }
)
EVENTS = st.tuples(st.sampled_from(NAMES[:8]), st.sampled_from(["order", "visit", "error", "exposure"]), TIMES)
STEPS = st.lists(
    st.one_of(
        LINES,
        EVENTS,
        st.sampled_from(NAMES[:8]),
        st.sampled_from([0.0, 2500.0, 3500.0]),
    ),
    max_size=40,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(steps=STEPS)
def test_the_twin_and_the_embedded_store_agree(steps: list[object]) -> None:
    """A text is a unit to forget, a number the end of the holdout."""
    with TemporaryDirectory() as folder:
        stores: list[EventStore] = [MemoryEventStore(), DuckDBEventStore(Path(folder))]
        logs = [Log(store) for store in stores]
        for store in stores:
            store.open_cell(WIDE)
        for step in steps:
            for store, log in zip(stores, logs, strict=True):
                match step:
                    case dict():
                        log.offset = store.append("gw", "a", log.offset, json.dumps(step).encode() + b"\n")
                        store.load()
                    case (str(unit), str(name), float(at)):
                        log.did(unit, name, at, "shop-v2", "v2")
                    case str(unit):
                        store.forget(unit)
                    case float(until):
                        store.open_cell(replace(WIDE, until=until))
            one, other = [(store.evidence(*WIDE.key), store.health(*WIDE.key)) for store in stores]
            assert one == other
        for store in stores:
            store.close()
