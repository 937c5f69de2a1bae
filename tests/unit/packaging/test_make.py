"""The entry points: make, the scripts behind it, and what continuous integration runs."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TARGETS = ("help", "setup", "demo", "test", "check", "bench", "docs", "lock")


def make(*arguments: str) -> str:
    return subprocess.run(
        ["make", "--no-print-directory", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def test_make_alone_lists_the_targets() -> None:
    listed = re.findall(r"^  make (\w+)", make(), re.MULTILINE)
    assert set(TARGETS) <= set(listed)
    assert make() == make("help")


def test_continuous_integration_runs_make_test() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    commands = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "exec make test"]
    assert script.startswith("#!/usr/bin/env bash\n")


@pytest.mark.parametrize("script", [".ci/run", "scripts/setup.sh", "scripts/browser.sh", "scripts/lock.sh"])
def test_scripts_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    subprocess.run(["bash", "-n", str(ROOT / script)], check=True)


def test_setup_without_a_fit_python_says_so_in_one_line(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    result = subprocess.run(
        [ROOT / "scripts" / "setup.sh", tmp_path / "venv"],
        env={"PYTHON": str(old), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("fader needs Python 3.11 or newer")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "venv").exists()


def test_the_demo_and_the_tests_set_up_first() -> None:
    """On a fresh clone: what a target runs begins with the set-up."""
    for target in ("demo", "test", "check", "bench", "docs"):
        planned = make("--dry-run", "--always-make", target)
        assert planned.splitlines()[0] == "scripts/setup.sh .venv", target
