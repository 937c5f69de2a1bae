"""What only a store on disk can do wrong. That it answers rightly is in tests/contract/test_event_store.py."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest

from fader.errors import BadInput, Corrupt, Unavailable
from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric, Tracked
from fader.telemetry.duckdb_store import DuckDBEventStore

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
LATENCY = Metric("latency", "quantile", value="duration_ms", q=0.95)
CELL = Cell(
    "shop-v2",
    1,
    0,
    "shop",
    "v2",
    "shop/shop-v2",
    Interval(0, 50_000),
    (CellMetric(ERRORS), CellMetric(LATENCY, 10.0)),
    1.0,
)


def lines(count: int, unit: str = "user", **changes: object) -> bytes:
    fields: dict[str, object] = {
        "s": "shop",
        "r": "shop-v2",
        "v": "v2",
        "w": "v2",
        "why": "rollout",
        "p": "1",
        "us": 20_000,
    }
    return b"".join(
        json.dumps({"t": 100 + k, "u": f"{unit}-{k % 97}", "c": 500 if k % 5 == 0 else 200} | fields | changes).encode()
        + b"\n"
        for k in range(count)
    )


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(CELL)
    first = lines(300)
    store.append("gw", "a", 0, first + b"broken\n")
    store.load()
    before = store.evidence(*CELL.key), store.exposure("shop-v2", 1), store.learning("shop", "v2", (LATENCY,), 0)
    store.append("gw", "b", 0, first)
    store.close()

    store = DuckDBEventStore(tmp_path)
    assert (store.evidence(*CELL.key), store.exposure("shop-v2", 1)) == before[:2]
    assert store.learning("shop", "v2", (LATENCY,), 0) == before[2]
    assert store.broken() == 1
    assert store.append("gw", "a", 0, first) == len(first) + 7
    assert store.load() == 300
    assert store.evidence(*CELL.key)[0].candidate.requests == 600
    store.close()


def test_a_crash_between_commit_and_delete_doubles_nothing(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path / "store")
    store.append("gw", "a", 0, lines(10))
    shutil.copytree(tmp_path / "store" / "spool", tmp_path / "kept")
    store.load()
    store.close()
    shutil.copytree(tmp_path / "kept", tmp_path / "store" / "spool", dirs_exist_ok=True)
    store = DuckDBEventStore(tmp_path / "store")
    assert store.load() == 0
    assert store.counted("shop", 0, 1000) == 10
    store.close()


def test_a_long_backlog_is_loaded_in_parts(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(CELL)
    batch = lines(4000, path="/" + "x" * 900)
    for k in range(5):
        store.append("gw", "a", k * len(batch), batch)
    assert store.load() == 20_000
    assert store.evidence(*CELL.key)[0].candidate.requests == 20_000
    store.close()


def test_units_beyond_one_chunk_are_all_folded(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    template = b'{"t":%d,"s":"shop","r":"shop-v2","v":"v2","w":"v2","why":"rollout","p":1,"c":500,"u":"u%d","us":5}\n'
    store.append("gw", "a", 0, b"".join(template % (100 + k % 50, k) for k in range(45_000)))
    store.load()
    store.open_cell(CELL)
    errors, latency = store.evidence(*CELL.key)
    assert (errors.candidate.units, errors.candidate.first, latency.candidate.units) == (45_000, 45_000, 45_000)
    assert store.exposure("shop-v2", 1).harmed == 45_000
    assert store.learning("shop", "v2", (ERRORS,), 0)[0].units == 45_000
    store.close()


def test_an_erased_unit_is_in_no_file(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(CELL)
    store.append("gw", "a", 0, lines(200) + lines(1, "zanzibar-quokka") + lines(200, "other"))
    store.load()
    store.evidence(*CELL.key)
    store.exposure("shop-v2", 1)
    store.learning("shop", "v2", (ERRORS, LATENCY), 0)
    held = store.append("gw", "b", 0, lines(1, "zanzibar-quokka"))
    assert held > 0

    def found() -> set[str]:
        files = [path for path in tmp_path.rglob("*") if path.is_file()]
        return {path.suffix for path in files if b"zanzibar" in path.read_bytes()}

    assert {".ndjson", ".wal"} <= found()
    assert store.forget("zanzibar-quokka-0") == 2
    assert found() == set()
    store.close()


def test_segments_that_no_gateway_has_any_more_are_forgotten(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    for segment in ("a", "b", "c"):
        store.append("gw", segment, 0, lines(10))
    store.load()
    store.retain(10_000.0)
    size = len(lines(10))
    assert [store.append("gw", segment, size, b"") for segment in ("a", "b", "c")] == [0, 0, size]
    store.close()


def test_appending_loading_and_asking_at_once(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(CELL)
    batch = lines(50)

    def gateway(name: str) -> None:
        for k in range(20):
            store.append(name, "a", k * len(batch), batch)
            if k % 4 == 0:
                store.load()
            store.evidence(*CELL.key)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(gateway, ["g1", "g2", "g3", "g4"]))
    store.load()
    assert store.evidence(*CELL.key)[0].candidate.requests == 4000
    store.close()


@pytest.mark.parametrize("name", ["events.duckdb", "events.sums.sqlite3"])
def test_a_corrupt_file_is_named_with_the_fix_and_left_alone(tmp_path: Path, name: str) -> None:
    DuckDBEventStore(tmp_path).close()
    (tmp_path / name).write_bytes(b"rubbish" * 1000)
    with pytest.raises(Corrupt, match="fix: ") as caught:
        DuckDBEventStore(tmp_path)
    assert str(tmp_path / name) in str(caught.value)
    assert (tmp_path / name).read_bytes().startswith(b"rubbish")


def test_sums_of_another_store_are_refused(tmp_path: Path) -> None:
    DuckDBEventStore(tmp_path / "one").close()
    DuckDBEventStore(tmp_path / "two").close()
    shutil.copy(tmp_path / "one" / "events.sums.sqlite3", tmp_path / "two" / "events.sums.sqlite3")
    with pytest.raises(Corrupt, match="another event store"):
        DuckDBEventStore(tmp_path / "two")


def test_a_store_of_before_traces_has_them_from_now_on(tmp_path: Path) -> None:
    store, trace = DuckDBEventStore(tmp_path), "4bf92f3577b34da6a3ce929d0e0e4736"
    store.append("gw", "a", 0, lines(1, c=500))
    store.load()
    store.close()
    with duckdb.connect(str(tmp_path / "events.duckdb")) as db:
        db.execute("ALTER TABLE requests DROP COLUMN tp")
    store = DuckDBEventStore(tmp_path)
    store.append("gw", "b", 0, lines(1, t=200, c=500, tp=f"00-{trace}-00f067aa0ba902b7-01"))
    store.load()
    assert [f.request.trace for f in store.failures("shop", "v2", "v1", 0.0, 1e10, 9)] == [trace, ""]
    store.close()


def test_another_schema_is_refused(tmp_path: Path) -> None:
    DuckDBEventStore(tmp_path).close()
    with duckdb.connect(str(tmp_path / "events.duckdb")) as db:
        db.execute("UPDATE store SET schema = 99")
    with pytest.raises(Corrupt, match="99"):
        DuckDBEventStore(tmp_path)


def test_lost_sums_are_made_again_from_the_rows(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(CELL)
    store.append("gw", "a", 0, lines(100))
    store.load()
    before = store.evidence(*CELL.key)
    store.close()
    for path in tmp_path.glob("events.sums.sqlite3*"):
        path.unlink()
    store = DuckDBEventStore(tmp_path)
    assert store.evidence(*CELL.key) == ()
    store.open_cell(CELL)
    assert store.evidence(*CELL.key) == before
    store.close()


def test_a_folder_that_cannot_be_written_is_said_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot write here") as caught:
        DuckDBEventStore(tmp_path / "file" / "store")
    assert caught.value.problems[0].path == str(tmp_path / "file" / "store")


def test_a_second_process_is_told_who_has_the_store(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    code = (
        "import pathlib, sys; from fader.telemetry.duckdb_store import DuckDBEventStore\n"
        "DuckDBEventStore(pathlib.Path(sys.argv[1]))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, env=dict(os.environ)
    )
    store.close()
    assert other.returncode != 0
    assert "Unavailable" in other.stderr
    assert "another process has this event store open" in other.stderr


def test_a_disk_that_refuses_acknowledges_nothing(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    (tmp_path / "spool").rename(tmp_path / "away")
    with pytest.raises(Unavailable, match="spooled"):
        store.append("gw", "a", 0, lines(1))
    (tmp_path / "away").rename(tmp_path / "spool")
    assert store.append("gw", "a", 0, lines(1)) == len(lines(1))
    store.close()


def test_a_load_that_fails_takes_nothing_and_can_be_repeated(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.append("gw", "a", 0, lines(5))
    store.append("gw", "a", len(lines(5)), lines(5))
    (waiting, _) = sorted((tmp_path / "spool").iterdir())
    waiting.rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        store.load()
    assert store.counted("shop", 0, 1000) == 0
    (tmp_path / "away").rename(waiting)
    assert store.load() == 10
    store.close()


def test_sums_follow_the_rows_after_a_crash_between_the_two(tmp_path: Path) -> None:
    """The rows are committed, the sums are as they were before: what is lacking is folded at the next question."""
    store = DuckDBEventStore(tmp_path / "store")
    store.open_cell(CELL)
    store.append("gw", "a", 0, lines(10))
    store.load()
    store.evidence(*CELL.key)
    copy = sqlite3.connect(tmp_path / "before")
    with sqlite3.connect(tmp_path / "store" / "events.sums.sqlite3") as sums:
        sums.backup(copy)
    sums.close()
    copy.close()
    store.append("gw", "b", 0, lines(10))
    store.load()
    after = store.evidence(*CELL.key)
    store.close()
    shutil.copy(tmp_path / "before", tmp_path / "store" / "events.sums.sqlite3")
    store = DuckDBEventStore(tmp_path / "store")
    assert store.evidence(*CELL.key) == after
    store.close()


def test_outcomes_and_names_survive_a_restart_old_rows_and_an_erasure(tmp_path: Path) -> None:
    orders = Metric("orders", "mean", "higher", value="amount", event="order")
    cell = replace(CELL, metrics=(CellMetric(ERRORS), CellMetric(orders)))
    answers = []
    for restarts in (False, True):
        store = DuckDBEventStore(tmp_path / str(restarts))
        store.open_cell(cell)
        store.append("gw", "a", 0, lines(97, path="/items/7", m="GET"))
        store.track(tuple(Tracked(f"o{k}", "order", f"user-{k}", 150.0 + k, (("amount", 0.1),)) for k in range(90)))
        store.load()
        store.names(*cell.key)
        for step in range(4):
            if restarts:
                store.close()
                store = DuckDBEventStore(tmp_path / str(restarts))
            if step == 0:
                store.retain(120.0)
            if step == 1:
                assert store.forget("user-3") == 1  # its request is gone, and its order is not
            if step == 2:
                store.append("gw", "b", 0, lines(97, path="/cart", m="GET", t=300))
                store.track((Tracked("o1", "order", "user-1", 301.0), Tracked("new", "order", "user-1", 301.0)))
                store.load()
        answers.append((store.evidence(*cell.key), store.health(*cell.key), store.names(*cell.key)))
        store.close()
    assert answers[0] == answers[1]
    evidence, health, names = answers[0]
    assert (health.candidate_units, evidence[1].candidate.events) == (97, 8.9)
    assert {n.name: n.candidate for n in names.found if n.kind != "fingerprint"} == {
        "GET /items/{}": 96,
        "GET /cart": 97,
        "order": 89,
    }


def test_no_needless_library_is_loaded() -> None:
    code = (
        "import sys, fader.telemetry.duckdb_store\n"
        "print([m for m in ('pandas', 'pyarrow', 'polars', 'pydantic', 'sqlalchemy') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=dict(os.environ)
    )
    assert done.stdout.strip() == "[]"


def test_cells_of_other_stages_are_apart(tmp_path: Path) -> None:
    store = DuckDBEventStore(tmp_path)
    store.open_cell(replace(CELL, until=150.0))
    store.open_cell(replace(CELL, stage=1, since=150.0))
    store.append("gw", "a", 0, lines(100))
    store.load()
    first, second = (store.evidence("shop-v2", 1, stage)[0].candidate.requests for stage in (0, 1))
    assert (first, second) == (50, 50)
    store.close()
