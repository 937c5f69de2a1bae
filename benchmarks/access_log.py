"""Access logs as a gateway writes them, made fast and reproducibly."""

from __future__ import annotations

import os
import platform
import random
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

LINE = (
    b'{"c":%d,"d":"via_upstream","f":"-","id":"0d9c3c5e-7c3f-9f1c-8b1a-%012d","m":"GET","n":1,"p":"1",'
    b'"path":"/item/%d","r":"shop-v2","rx":0,"s":"shop","t":"%.6f","tx":1843,"u":"user-%07d","us":%d,"v":"%s",'
    b'"w":"%s","why":"rollout"}\n'
)


def lines(count: int, units: int, since: float, rate: float, seed: int) -> Iterator[bytes]:
    """`count` requests at `rate` a second from `since`, of `units` returning users, 5 % of them with the candidate."""
    draw = random.Random(seed)
    for i in range(count):
        unit = int(draw.random() * units)
        version = b"v2" if unit % 20 == 0 else b"v1"
        status = 500 if draw.random() < 0.003 else 200
        micros = int(draw.lognormvariate(10, 0.7))
        yield LINE % (status, i, unit % 500, since + i / rate, unit, micros, version, version)


def resident() -> float:
    """Megabytes that this process occupies."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


def pin(core: int = 0) -> None:
    """Everything in this process, DuckDB's threads included, on one core."""
    os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[core]})


def report(name: str, title: str, seed: int, table: list[str], notes: list[str]) -> None:
    """Print a table and write it beside the benchmark, with what it was measured on."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    machine = f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores"
    text = "\n".join(
        [
            f"# {title}",
            "",
            *table,
            "",
            *notes,
            "",
            f"Machine: {machine}, Python {platform.python_version()}. Commit: {commit.stdout.strip()}. Seed: {seed}.",
            "",
        ]
    )
    print(text)
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    (results / f"{name}.md").write_text(text)
