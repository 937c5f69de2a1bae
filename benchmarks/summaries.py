"""From rows to the sums of a stage: from cold over a long history, and then second by second.

The history is made inside DuckDB from a seed: requests of returning units (5 % with the candidate) and, for every
tenth request, an order of the same unit. Three metrics: the error rate, the 95th percentile of the latency, and the
revenue per exposed unit. Cold: a store that has the rows and no sums answers for the stage. A tick: so many new
events are loaded (not counted here: see ingest.md), then asked for: evidence, health, exposure.

python benchmarks/summaries.py [--events N] [--units N] [--ticks N] [--memory SIZE] [--threads N] [--seed S]
"""

from __future__ import annotations

import argparse
import statistics
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

import duckdb
import numpy as np

from access_log import lines, report, resident
from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric, Tracked
from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.line import key

SINCE = 1_760_000_000.0
METRICS = (
    CellMetric(Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))),
    CellMetric(Metric("latency", "quantile", value="duration_ms", q=0.95), 70.0, 80.0),
    CellMetric(Metric("revenue", "mean", "higher", value="amount", event="order")),
)
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 50_000), METRICS, since=SINCE)
TICK = 50_000
#: Rows of one statement, so that making them fits into the same memory.
CHUNK = 5_000_000

#: Numbers are drawn by DuckDB's hash of the row and the seed. `keys` has the name and the key of each unit.
DRAW = "(hash($seed, i, {n}) / 18446744073709551616.0::DOUBLE)"
REQUESTS = f"""
INSERT INTO requests
SELECT $batch, {SINCE} + i / 20000.0, 'shop', u, 'shop-v2', version, 'rollout', version, 1.0,
    CASE WHEN {DRAW.format(n=1)} < 0.003 THEN 500 ELSE 200 END, '-',
    (25000 * exp(1.4 * ({DRAW.format(n=2)} + {DRAW.format(n=3)} - 1)))::BIGINT, 'GET', '/item/' || unit % 500, 0, 1843,
    key, 'GET /item/{{}}'
FROM (SELECT i, floor({DRAW.format(n=4)} * $units)::BIGINT AS unit,
    CASE WHEN unit % 20 = 0 THEN 'v2' ELSE 'v1' END AS version FROM range($begin, $end) AS r(i)) JOIN keys USING (unit)
ORDER BY i
"""
ORDERS = f"""
INSERT INTO tracked
SELECT $batch, (hash(i) >> 2)::BIGINT, key, u, {SINCE} + i / 20000.0 + 1.0, 'order',
    '', '', '{{"amount":' || round(10 + 90 * {DRAW.format(n=5)}, 2)::VARCHAR || '}}', '{{}}', '', 0.0
FROM (SELECT i, floor({DRAW.format(n=4)} * $units)::BIGINT AS unit FROM range($begin, $end, 10) AS r(i))
JOIN keys USING (unit) ORDER BY i
"""


def fill(folder: Path, events: int, units: int, seed: int) -> None:
    """The history, as a store would have loaded it; nine parts of ten are requests."""
    DuckDBEventStore(folder).close()
    requests = events * 10 // 11
    with duckdb.connect(str(folder / "events.duckdb"), config={"memory_limit": "3GB", "threads": 2}) as db:
        hashes = np.fromiter((key(f"user-{unit:07d}") for unit in range(units)), np.int64, units)
        db.register("hashes", {"unit": np.arange(units), "key": hashes})
        db.execute("CREATE TEMP TABLE keys AS SELECT unit, key, printf('user-%07d', unit) AS u FROM hashes")
        for batch, begin in enumerate(range(0, requests, CHUNK), 1):
            made = {"batch": batch, "begin": begin, "end": min(begin + CHUNK, requests), "units": units, "seed": seed}
            db.execute(REQUESTS, made)
            db.execute(ORDERS, made)
            db.execute("UPDATE store SET batch = $batch", {"batch": batch})
            print(f"{made['end']:,} requests", flush=True)


class Peak:
    """The most memory that the process occupied meanwhile, sampled."""

    def __init__(self) -> None:
        self.megabytes, self._done = 0.0, Event()
        self._thread = Thread(target=self._watch)

    def __enter__(self) -> Peak:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.05):
            self.megabytes = max(self.megabytes, resident())


def tick(store: DuckDBEventStore, number: int, made: list[bytes], orders: tuple[Tracked, ...]) -> dict[str, float]:
    store.append("gw", f"tick-{number}", 0, b"".join(made))
    store.track(orders)
    spent, used = {}, 0.0
    for name, part in (
        ("load", store.load),
        ("evidence", lambda: store.evidence(*CELL.key)),
        ("health", lambda: store.health(*CELL.key)),
        ("exposure", lambda: store.exposure("shop-v2", 1)),
    ):
        begin = time.perf_counter()
        part()
        spent[name] = (time.perf_counter() - begin) * 1000
        if name == "load":
            used = time.process_time()
    return spent | {"cpu": (time.process_time() - used) * 1000}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000_000)
    parser.add_argument("--units", type=int, default=10_000_000)
    parser.add_argument("--ticks", type=int, default=20)
    parser.add_argument("--memory", default="1500MB")
    parser.add_argument("--part", type=int, default=20_000_000, help="rows whose units are folded at a time")
    parser.add_argument("--folder", type=Path, help="keep the history there, and take the one that is there")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    with TemporaryDirectory(dir=Path.cwd()) as name:
        folder = options.folder or Path(name)
        if not (folder / "events.duckdb").exists():
            fill(folder, options.events, options.units, options.seed)
        (folder / "events.sums.sqlite3").unlink(missing_ok=True)  # cold
        begin = time.perf_counter()
        store = DuckDBEventStore(folder, options.memory, options.threads, options.part)
        opened = time.perf_counter() - begin
        with Peak() as peak:
            begin, used = time.perf_counter(), time.process_time()
            store.open_cell(CELL)
            errors, _, revenue = store.evidence(*CELL.key)
            cold, cpu = time.perf_counter() - begin, time.process_time() - used
        kept = errors.candidate.units + errors.baseline.units
        requests = errors.candidate.requests + errors.baseline.requests
        print(f"opened in {opened:.1f} s, cold {cold:.1f} s (CPU {cpu:.1f}), {peak.megabytes:,.0f} MB", flush=True)
        begin = time.perf_counter()
        store.exposure("shop-v2", 1)
        exposure = time.perf_counter() - begin
        now = SINCE + options.events / 20_000
        log = lines(TICK * options.ticks, options.units, now, TICK, options.seed)
        ticks = []
        for number in range(options.ticks):
            made = [next(log) for _ in range(TICK * 10 // 11)]
            orders = tuple(
                Tracked(
                    f"{number}-{k}", "order", f"user-{k * 977 % options.units:07d}", now + number, (("amount", 9.9),)
                )
                for k in range(TICK - len(made))
            )
            ticks.append(tick(store, number, made, orders))
        store.close()
    middle = {name: statistics.median(t[name] for t in ticks) for name in ticks[0]}
    sums = [t["evidence"] + t["health"] + t["exposure"] for t in ticks]
    table = [
        "| events | units | **cold s** | cold CPU s | peak MB | tick: evidence ms | health ms | exposure ms "
        "| **sums of a tick ms, median** | worst | CPU ms | load ms |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        f"| {requests * 11 / 10:,.0f} | {kept:,} | **{cold:.1f}** | {cpu:.0f} | {peak.megabytes:,.0f} "
        f"| {middle['evidence']:.0f} | {middle['health']:.0f} | {middle['exposure']:.0f} "
        f"| **{statistics.median(sums):.0f}** | {max(sums):.0f} | {middle['cpu']:.0f} | {middle['load']:.0f} |",
    ]
    notes = [
        f"Three metrics (errors, latency, revenue per unit); revenue per unit {revenue.baseline.events / kept:.2f}.",
        f"DuckDB with {options.memory} and {options.threads} threads, {options.part:,} rows a part; the peak is of the "
        f"whole process. A tick brings {TICK:,} new events; on a busy machine the CPU columns are the steadier ones.",
        f"Opening the store took {opened:.1f} s, the first answer of `exposure` {exposure:.1f} s.",
    ]
    report("summaries", "Sums of a stage from cold, and tick by tick", options.seed, table, notes)


if __name__ == "__main__":
    main()
