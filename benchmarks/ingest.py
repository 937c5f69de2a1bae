"""Access-log lines a second into the event store, on one core: append (durable) and load, then the sums of a stage.

python benchmarks/ingest.py [--lines N] [--batch LINES] [--seed S]
"""

from __future__ import annotations

import argparse
import time
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from access_log import lines, pin, report, resident
from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric
from fader.telemetry.duckdb_store import DuckDBEventStore

SINCE = 1_760_000_000.0
METRICS = (
    CellMetric(Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))),
    CellMetric(Metric("latency", "quantile", value="duration_ms", q=0.95), 70.0, 80.0),
)
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 50_000), METRICS, since=SINCE)


def run(count: int, batch: int, units: int, seed: int, folder: Path) -> str:
    log = lines(count, units, SINCE, 20_000, seed)
    batches = []
    while part := b"".join(islice(log, batch)):
        batches.append(part)
    store = DuckDBEventStore(folder)
    store.open_cell(CELL)
    spent = {"append": 0.0, "load": 0.0, "sums": 0.0}
    offset = loaded = 0
    for i, part in enumerate(batches):
        begin = time.perf_counter()
        offset = store.append("gw", "a", offset, part)
        appended = time.perf_counter()
        spent["append"] += appended - begin
        if (i + 1) * batch // 20_000 > i * batch // 20_000 or i == len(batches) - 1:  # a tick at 20,000 requests/s
            loaded += store.load()
            ready = time.perf_counter()
            spent["load"] += ready - appended
            store.evidence(*CELL.key)
            spent["sums"] += time.perf_counter() - ready
    store.close()
    if loaded != count:
        raise SystemExit(f"{loaded} of {count} lines arrived")
    rate = count / (spent["append"] + spent["load"])
    whole = count / sum(spent.values())
    seconds = " | ".join(f"{spent[part]:.2f}" for part in spent)
    return f"| {count:,} | {units:,} | {batch:,} | {seconds} | **{rate:,.0f}** | {whole:,.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    pin()
    table = [
        "| lines | units | lines a batch | append s | load s | sums of 2 metrics s | lines/s stored | with sums |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for units, batch in ((20_000, 5_000), (20_000, 1_000), (1_000_000, 5_000)):
        with TemporaryDirectory() as folder:
            table.append(run(options.lines, batch, units, options.seed, Path(folder)))
    notes = [
        "One process pinned to one core; each batch is synced to disk before it is acknowledged; a load each 20,000 "
        f"lines. Making the log is not counted. Resident at the end, log included: {resident():.0f} MB."
    ]
    report("ingest", "Access-log lines into the event store", options.seed, table, notes)


if __name__ == "__main__":
    main()
