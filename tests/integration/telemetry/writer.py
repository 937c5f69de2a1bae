"""A store in a process of its own, to be killed: appends and loads without end, and says what was acknowledged.

python writer.py FOLDER FROM: lines are numbered; number k holds unit `u<k % 50>`. Prints each acknowledged offset.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric
from fader.telemetry.duckdb_store import DuckDBEventStore

ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 50_000), (CellMetric(ERRORS),), since=1000.0)


def line(number: int) -> bytes:
    """All of one length, so that an offset says a number."""
    version = "v2" if number % 50 < 5 else "v1"
    fields = {
        "t": f"{1000 + number:012.6f}",
        "u": f"u{number % 50:02d}",
        "s": "shop",
        "r": "shop-v2",
        "v": version,
        "w": version,
        "why": "rollout",
        "p": "1",
        "c": 500 if number % 7 == 0 else 200,
    }
    return json.dumps(fields).encode() + b"\n"


WIDTH = len(line(0))


def main() -> None:
    store = DuckDBEventStore(Path(sys.argv[1]))
    store.open_cell(CELL)
    number = int(sys.argv[2])
    while True:
        batch = b"".join(line(k) for k in range(number, number + 40))
        held = store.append("gw", "a", number * WIDTH, batch)
        print(held, flush=True)
        number = held // WIDTH
        if number % 3 == 0:
            store.load()
        if number % 2 == 0:
            store.evidence(*CELL.key)


if __name__ == "__main__":
    main()
