"""What one second of a rollout costs the event store, as rows pile up and the rollout ages.

A tick: load the second's new lines, the evidence of the open stage (two metrics), exposure, the loss check.

python benchmarks/tick.py [--rows N] [--units N] [--seed S]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

from access_log import lines, report, resident
from fader.telemetry.duckdb_store import DuckDBEventStore
from ingest import CELL, METRICS, SINCE

RATE = 1_500
TICKS = 60


class Run:
    def __init__(self, folder: Path, log: Iterator[bytes]) -> None:
        self.store = DuckDBEventStore(folder)
        self.log = log
        self.offset = self.rows = 0

    def append(self, count: int) -> None:
        self.offset = self.store.append("gw", "a", self.offset, b"".join(islice(self.log, count)))
        self.rows += count

    def fill(self, rows: int) -> None:
        while self.rows < rows:
            self.append(20_000)
            self.store.load()
            if self.rows % 1_000_000 < 20_000:
                self.store.evidence(*CELL.key)

    def tick(self) -> dict[str, float]:
        now = SINCE + self.rows / RATE
        self.append(RATE)
        store = self.store
        parts: dict[str, Callable[[], object]] = {
            "load": store.load,
            "evidence": lambda: store.evidence(*CELL.key),
            "exposure": lambda: store.exposure("shop-v2", 1),
            "counted": lambda: store.counted("shop", now - 60, now),
        }
        spent = {}
        cpu = time.process_time()
        for name, part in parts.items():
            begin = time.perf_counter()
            part()
            spent[name] = (time.perf_counter() - begin) * 1000
        return spent | {"tick": sum(spent.values()), "cpu": (time.process_time() - cpu) * 1000}

    def learn(self) -> float:
        """CPU milliseconds of a question about the last day."""
        now = SINCE + self.rows / RATE
        self.append(RATE)
        self.store.load()
        begin = time.process_time()
        self.store.learning("shop", "v1", tuple(m.metric for m in METRICS), now - 86_400)
        return (time.process_time() - begin) * 1000


def middle(values: list[float]) -> float:
    return statistics.median(values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--units", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    table = [
        "| rows | units of the stage | load ms | evidence ms | exposure ms | counted ms | **tick ms, median** | worst "
        "of 60 | tick CPU ms | learning CPU ms | RSS MB |",
        "|---:|" + "---:|" * 10,
    ]
    idle = 0.0
    firsts: list[str] = []
    with TemporaryDirectory() as folder:
        log = lines(2 * options.rows + 1_000_000, options.units, SINCE, RATE, options.seed)
        run = Run(Path(folder), log)
        idle = resident()
        run.store.open_cell(CELL)
        for part in (0.02, 0.1, 0.5, 1.0):
            run.fill(int(options.rows * part))
            run.tick()
            ticks = [run.tick() for _ in range(TICKS)]
            first = run.learn()
            learning = middle([run.learn() for _ in range(5)])
            units = sum(
                a.units for a in (run.store.evidence(*CELL.key)[0].candidate, run.store.evidence(*CELL.key)[0].baseline)
            )
            columns = [middle([tick[name] for tick in ticks]) for name in ("load", "evidence", "exposure", "counted")]
            whole = [tick["tick"] for tick in ticks]
            numbers = " | ".join(f"{value:.1f}" for value in columns)
            table.append(
                f"| {run.rows:,} | {units:,} | {numbers} | **{middle(whole):.0f}** | {max(whole):.0f} "
                f"| {middle([tick['cpu'] for tick in ticks]):.0f} | {learning:.0f} | {resident():.0f} |"
            )
            firsts.append(f"{first / 1000:.1f} s at {run.rows:,} rows")
            print(table[-1], flush=True)
        run.store.close()
    notes = [
        f"A tick with {RATE:,} new requests; {TICKS} ticks each; on a busy machine the CPU column is the steadier one.",
        "`learning` is over 24 h, asked each second; its first question after a pause catches up with all rows since:",
        f"CPU {', '.join(firsts)}. Resident of the process with an idle, empty store: {idle:.0f} MB.",
    ]
    report("tick", "A tick of the event store as it fills", options.seed, table, notes)


if __name__ == "__main__":
    main()
