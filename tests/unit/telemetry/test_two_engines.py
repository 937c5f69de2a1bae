"""One text of SQL, two engines: DuckDB and ClickHouse fold the same rows into the same units."""

from __future__ import annotations

import importlib.util
import json
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pytest

from fader.model.arm import Arm
from fader.model.metric import Comparison, Metric, Selection
from fader.model.share import Draw, Interval
from fader.ports.events import Cell, CellMetric, Tracked
from fader.telemetry import questions as ask
from fader.telemetry import statements as sql
from fader.telemetry.columns import together
from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.measure import measures
from fader.telemetry.names import TRACKED, VISITED
from fader.telemetry.rows import Rows
from fader.telemetry.sums import Sums

HERE = Path(__file__).with_name("clickhouse.py")
spec = importlib.util.spec_from_file_location("fader_test_clickhouse", HERE)
assert spec is not None
assert spec.loader is not None
clickhouse = importlib.util.module_from_spec(spec)
spec.loader.exec_module(clickhouse)

PRO = (Comparison("plan", "==", "pro"), Comparison("amount", ">", 5.0))
METRICS = tuple(
    CellMetric(m, 60.0, 80.0) if m.event == "request" else CellMetric(m, 10.0, 20.0)
    for m in (
        Metric("errors", "proportion", where=(Comparison("status", ">=", 500),)),
        Metric("latency", "quantile", value="duration_ms", q=0.95, where=(Comparison("path", "!=", "/x"),)),
        Metric("buyers", "proportion", "higher", PRO, of="units", event="order"),
        Metric("revenue", "mean", "higher", value="amount", event="order", window=900.0),
        Metric(
            "basket", "ratio", value="amount", event="order", per=Selection("visit", (Comparison("new", "==", 1.0),))
        ),
        Metric("paint", "quantile", value="amount", q=0.9, event="order"),
        Metric("back", "retention", "higher", event="visit", after=60.0, window=600.0),
        Metric("support", "count", where=(Comparison("path", "==", "/support"),)),
        Metric("failed", "proportion", of="units", where=(Comparison("status", ">=", 500),)),
        Metric("payments", "proportion", where=(Comparison("plan", "!=", "free"),), event="order"),
    )
)
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 1), METRICS, 1000.0, 3000.0, 400.0)
FLAG = replace(CELL, flag="checkout")


def log(draw: random.Random, count: int) -> Iterator[bytes]:
    for _ in range(count):
        version = draw.choice(["v1", "v1", "v2"])
        fields = {
            "t": draw.uniform(300, 3300),
            "u": f"u{draw.randrange(120)}" if draw.random() < 0.95 else None,
            "s": draw.choice(["shop", "shop", "shop", "other"]),
            "r": "shop-v2",
            "v": version if draw.random() < 0.9 else None,
            "w": draw.choice([version, version, "v1", None]),
            "why": draw.choice(["rollout", "rollout", "none"]),
            "p": draw.choice([1, 1, None]),
            "c": draw.choice([200, 200, 404, 503, 0]),
            "us": draw.choice([None, draw.randrange(200_000)]),
            "m": "GET",
            "path": draw.choice(["/", "/support", "/x", f"/items/{draw.randrange(99)}", None]),
        }
        yield json.dumps(fields).encode() + b"\n"


def events(draw: random.Random, count: int) -> Iterator[Tracked]:
    for k in range(count):
        name = draw.choice(["order", "order", "visit", "error", "exposure"])
        offered = {
            "amount": round(draw.uniform(-2, 40), 3),
            "plan": draw.choice(["pro", "free", ""]),
            "new": draw.random() < 0.5,
            "message": "no item 7",
        }
        properties = tuple((key, value) for key, value in offered.items() if draw.random() < 0.7)
        version = draw.choice(["v1", "v2"])
        yield Tracked(str(k), name, f"u{draw.randrange(140)}", draw.uniform(300, 3300), properties, "shop-v2", version)


@pytest.fixture(scope="module")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Rows, Any]]:
    folder, draw = tmp_path_factory.mktemp("store"), random.Random(11)
    store = DuckDBEventStore(folder)
    store.append("gw", "a", 0, b"".join(log(draw, 1500)))
    store.load()
    store.append("gw", "b", 0, b"".join(log(draw, 500)))
    store.track(tuple(events(draw, 1200)))
    store.load()
    store.close()
    other = clickhouse.ClickHouseRows()
    with duckdb.connect(str(folder / "events.duckdb"), read_only=True) as db:
        for table in ("requests", "tracked"):
            columns = [(name, kind) for name, kind, *_ in db.execute(f"DESCRIBE {table}").fetchall()]
            other.fill(table, columns, db.execute(f"FROM {table}").fetchall())
    rows = Rows(folder / "events.duckdb", "256MB", 1)
    yield rows, other
    rows.close()
    other.close()


WHOLE = ask.Extent(0, 2, CELL.since, CELL.until)
PARTS = [(0, ask.KEYS), (0, ask.KEYS // 3)]
KINDS = Sums(CELL, CELL.since).units.kinds


def same(one: tuple[Any, dict[str, Any]], other: tuple[Any, dict[str, Any]]) -> int:
    assert one[0].tolist() == other[0].tolist()
    assert one[1].keys() == other[1].keys()
    for name, column in one[1].items():
        assert column.tolist() == other[1][name].tolist(), name
    return len(one[0])


@pytest.mark.parametrize("extent", [WHOLE, replace(WHOLE, after=1), replace(WHOLE, since=1500.0, until=1600.0)])
@pytest.mark.parametrize("part", PARTS)
def test_rows_become_the_same_units(engines: tuple[Rows, Any], extent: ask.Extent, part: tuple[int, int]) -> None:
    found = [together(ask.unit_rows(e, measures(METRICS), CELL, extent, *part), KINDS) for e in engines]
    assert same(*found) > 10


def test_units_of_further_arms_are_told_apart_alike(engines: tuple[Rows, Any]) -> None:
    cell = replace(CELL, arms=(Arm("v1", Interval(1, 1)), Arm("v3", Interval(2, 1))))
    kinds = Sums(cell, cell.since).units.kinds
    found = [together(ask.unit_rows(e, measures(METRICS), cell, WHOLE, 0, ask.KEYS), kinds) for e in engines]
    assert same(*found) > 10
    assert found[0][1]["away"].sum() > 10
    parts = (0, ask.KEYS)
    names = [ask.route_names(e, sql.ROUTES, cell, WHOLE, parts) for e in engines]
    one, other = (sorted(zip(*(n[c].tolist() for c in ("k", "arm", "label")), strict=True)) for n in names)
    assert one == other
    assert set(names[0]["arm"].tolist()) == {1}, "who had another arm is not the baseline's"


def test_what_exposed_units_did_is_the_same(engines: tuple[Rows, Any]) -> None:
    outcomes = tuple(m for m in measures(METRICS) if not m.direct)
    kinds = {name: kind for m in outcomes for name, kind in m.kinds.items()}
    keys, columns = together(ask.unit_rows(engines[0], (), CELL, WHOLE, 0, ask.KEYS), {**KINDS})
    exposed = np.isfinite(columns["first"])
    found = []
    for engine in engines:
        parameters = WHOLE.parameters(CELL)
        parts = ask.unit_events(engine, outcomes, parameters, keys[exposed], columns["first"][exposed])
        found.append(together(parts, kinds))
    assert same(*found) > 100
    for m in outcomes:
        assert np.isfinite(found[0][1][f"e{m.index}"]).any(), m.metric.name


@pytest.mark.parametrize("cell", [CELL, FLAG])
def test_the_values_of_what_exposed_units_did_are_the_same(engines: tuple[Rows, Any], cell: Cell) -> None:
    outcomes = tuple(m for m in measures(METRICS, by_request=not cell.flag) if not m.direct)
    units = ask.touched_units(engines[0], cell, WHOLE, PARTS[0])
    given = WHOLE.parameters(cell), units * 2 + units % 2, np.full(len(units), 1100.0), ask.done(cell)
    one, other = (sorted(ask.unit_bins(engine, outcomes, *given)) for engine in engines)
    assert one == other
    assert len({(metric, arm) for metric, arm, *_ in one}) == 2 * sum(m.quantile for m in outcomes) > 0


def test_what_units_did_before_is_the_same(engines: tuple[Rows, Any]) -> None:
    extent, kinds = replace(WHOLE, since=CELL.past, until=CELL.since), Sums(CELL, CELL.since).past.kinds
    found = [together(ask.unit_past(e, measures(METRICS), CELL, extent, 0, ask.KEYS), kinds) for e in engines]
    assert same(*found) > 100


def test_the_ranges_of_keys_are_the_same(engines: tuple[Rows, Any]) -> None:
    assert list(ask.key_ranges(engines[0], WHOLE)) == list(ask.key_ranges(engines[1], WHOLE)) == [(0, ask.KEYS)]


def test_names_are_the_same(engines: tuple[Rows, Any]) -> None:
    units = ask.touched_units(engines[0], CELL, WHOLE, PARTS[0])
    assert units.tolist() == ask.touched_units(engines[1], CELL, WHOLE, PARTS[0]).tolist()
    arms, first = units * 2, np.full(len(units), 1100.0)
    for query in (sql.ROUTES, sql.FAILED_ROUTES):
        one, other = (named(ask.route_names(e, query, CELL, WHOLE, PARTS[0])) for e in engines)
        assert one == other
        assert len(one) > 10
    for cell, asked in ((CELL, TRACKED), (FLAG, (*TRACKED, *VISITED))):
        for _, source, label in asked:
            both = (named(ask.event_names(e, source, label, cell, WHOLE, PARTS[0], arms, first)) for e in engines)
            one, other = both
            assert one == other
            assert len(one) > 10


def test_what_is_known_of_a_flag_is_the_same(engines: tuple[Rows, Any]) -> None:
    of_flag, kinds = measures(METRICS, by_request=False), Sums(FLAG, FLAG.since).units.kinds
    assert same(*(together(ask.unit_rows(e, of_flag, FLAG, WHOLE, 0, ask.KEYS), kinds) for e in engines)) > 100
    new = replace(WHOLE, after=1).parameters(FLAG)
    hurt = [list(zip(*(c.tolist() for c in e.table(sql.EXPOSED_UNITS, new).values()), strict=True)) for e in engines]
    assert hurt[0] == hurt[1]
    assert {bool(times) for _, times, _ in hurt[0]} == {True, False}
    parameters = WHOLE.parameters(FLAG) | {"version": "v1"}
    met = [ask.lesson_units(e, parameters) for e in engines]
    assert met[0][0].tolist() == met[1][0].tolist()
    assert met[0][1].tolist() == met[1][1].tolist()
    events = {name: kind for m in of_flag for name, kind in m.kinds.items()}
    did = [
        together(ask.unit_events(e, of_flag, parameters, met[0][0] * 2, met[0][1], ask.OF_FLAG), events)
        for e in engines
    ]
    assert same(*did) > 20


def test_units_of_a_holdout_are_the_same(engines: tuple[Rows, Any]) -> None:
    draw = Draw("holdout/q4", Interval(0, 400_000))
    cell = replace(CELL, draw=draw)
    drawn, sums = measures(METRICS, by_request=False), Sums(cell, cell.since)
    found = [together(ask.unit_rows(e, drawn, cell, WHOLE, 0, ask.KEYS), sums.units.kinds) for e in engines]
    assert same(*found) > 100
    keys, columns = found[0]
    assert set((keys & 1).tolist()) == {0, 1}
    assert np.isinf(columns["first"]).sum() == (columns["inside"] == 0).sum()
    past = [together(ask.unit_past(e, drawn, cell, WHOLE, 0, ask.KEYS), sums.past.kinds) for e in engines]
    assert same(*past) > 100
    parameters = WHOLE.parameters(cell)
    kinds = {name: kind for m in drawn for name, kind in m.kinds.items()}
    did = [
        together(ask.unit_events(e, drawn, parameters, keys, columns["first"], ask.done(cell)), kinds) for e in engines
    ]
    assert same(*did) > 100


def named(answer: dict[str, Any]) -> list[tuple[Any, ...]]:
    return sorted(zip(*(answer[name].tolist() for name in ("k", "arm", "label", "at")), strict=True))
