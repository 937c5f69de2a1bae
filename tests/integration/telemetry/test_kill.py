"""SIGKILL at random moments: nothing that was acknowledged is lost, nothing is there twice, no sum is off."""

from __future__ import annotations

import importlib.util
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fader.telemetry.duckdb_store import DuckDBEventStore
from fader.telemetry.memory import MemoryEventStore

WRITER = Path(__file__).with_name("writer.py")
spec = importlib.util.spec_from_file_location("fader_test_writer", WRITER)
assert spec is not None
assert spec.loader is not None
writer = importlib.util.module_from_spec(spec)
spec.loader.exec_module(writer)


def killed(folder: Path, number: int, after: int, pause: float) -> int:
    """Run the writer from line `number` until it acknowledged `after` times and a moment more; what it last said."""
    process = subprocess.Popen(
        [sys.executable, str(WRITER), str(folder), str(number)], stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert process.stdout is not None
    said = [process.stdout.readline() for _ in range(after)]
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)
    said += process.stdout.readlines()
    process.stdout.close()
    assert process.wait(timeout=60) == -signal.SIGKILL
    whole = [text for text in said if text.endswith("\n")]
    return int(whole[-1])


@pytest.mark.slow
def test_killed_again_and_again(tmp_path: Path) -> None:
    draw = random.Random(7)
    acknowledged = 0
    for _ in range(8):
        last = killed(tmp_path, acknowledged // writer.WIDTH, draw.randrange(1, 40), draw.random() / 20)
        assert last >= acknowledged
        acknowledged = last
    with_all = MemoryEventStore()
    with_all.open_cell(writer.CELL)

    store = DuckDBEventStore(tmp_path)
    try:
        held = store.append("gw", "a", 10**9, b"x\n")  # a gap: says what is held
        assert held >= acknowledged
        assert held % writer.WIDTH == 0
        count = held // writer.WIDTH
        store.load()
        with_all.append("gw", "a", 0, b"".join(map(writer.line, range(count))))
        orders = tuple(map(writer.order, range(count + 40)))  # some may have been taken ahead of their lines
        with_all.track(orders)
        store.track(orders)  # what was acknowledged is known, the rest comes now
        assert store.load() <= len(orders) - acknowledged // writer.WIDTH
        with_all.load()
        assert store.counted("shop", 0, 10**9) == count
        assert store.broken() == 0
        assert store.evidence(*writer.CELL.key) == with_all.evidence(*writer.CELL.key)
        assert store.exposure("shop-v2", 1) == with_all.exposure("shop-v2", 1)
        assert store.health(*writer.CELL.key) == with_all.health(*writer.CELL.key)
        assert store.names(*writer.CELL.key) == with_all.names(*writer.CELL.key)
        assert not list((tmp_path / "spool").iterdir())
        assert not list((tmp_path / "tracked").iterdir())
    finally:
        store.close()
    assert count > 100
