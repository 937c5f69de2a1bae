"""docs/evidence.md: what the programs measured stands between marks, the words around it are written by hand."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "evidence.md"
PICTURE = ROOT / "docs" / "images" / "evidence.svg"
END = "<!-- end -->"


def mark(name: str) -> str:
    return f"<!-- measured: {name} -->"


def replaced(text: str, name: str, found: str) -> str:
    """The page with `found` between the marks of `name`. Raises ValueError without such marks."""
    before, begin, rest = text.partition(mark(name))
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"no marks for {name} in {PAGE.name}")
    return f"{before}{begin}\n\n{found.strip()}\n\n{end}{after}"


def write(name: str, found: str) -> None:
    PAGE.write_text(replaced(PAGE.read_text(), name, found))


def measured(command: str, size: str) -> str:
    """One line: where and how, so that anybody can do it again."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    machine = f"{model[1] if model else platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"`{command}`, {size}, commit {commit.stdout.strip()}; {machine}."


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table; all columns but the first to the right."""
    rule = ["---", *("---:" for _ in head[1:])]
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, rule, *rows))
