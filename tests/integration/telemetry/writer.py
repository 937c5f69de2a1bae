"""A store in a process of its own, to be killed: appends and loads without end, and says what was acknowledged.

python writer.py FOLDER FROM: lines are numbered; number k holds unit `u<k % 50>`, and event k is an order of it.
Prints each acknowledged offset, after the events of those lines were acknowledged too.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from fader.model.metric import Comparison, Metric
from fader.model.share import Interval
from fader.ports.events import Cell, CellMetric, Tracked
from fader.telemetry.duckdb_store import DuckDBEventStore

ORDERS = Metric("orders", "mean", "higher", value="amount", event="order")
ERRORS = Metric("errors", "proportion", where=(Comparison("status", ">=", 500),))
CELL = Cell(
    "shop-v2",
    1,
    0,
    "shop",
    "v2",
    "shop/shop-v2",
    Interval(0, 50_000),
    (CellMetric(ERRORS), CellMetric(ORDERS)),
    since=1000.0,
)


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


def order(number: int) -> Tracked:
    """Its time is sometimes before the first exposure of its unit."""
    return Tracked(
        f"order-{number}", "order", f"u{number % 50:02d}", 1000.0 + number % 400, (("amount", number / 100),)
    )


WIDTH = len(line(0))


def main() -> None:
    store = DuckDBEventStore(Path(sys.argv[1]))
    store.open_cell(CELL)
    number = int(sys.argv[2])
    while True:
        batch = b"".join(line(k) for k in range(number, number + 40))
        store.track(tuple(order(k) for k in range(max(0, number - 10), number + 40)))  # some of them once more
        held = store.append("gw", "a", number * WIDTH, batch)
        print(held, flush=True)
        number = held // WIDTH
        if number % 3 == 0:
            store.load()
        if number % 2 == 0:
            store.evidence(*CELL.key)
            store.names(*CELL.key)


if __name__ == "__main__":
    main()
