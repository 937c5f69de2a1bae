"""What goes wrong when people begin: one message with the place and the fix, exit code 2, nothing half-applied."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

FILE = """\
services:
  shop:
    listen: 127.0.0.1:{listen}
    unit: [{{header: x-user-id}}]
    versions:
      v1: http://127.0.0.1:{v1}
      v2: http://127.0.0.1:{v2}
    baseline: v1
"""


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def taken() -> Any:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen()
        yield s.getsockname()[1]


def up(folder: Path, port: int | None = None, **ports: int) -> subprocess.CompletedProcess[str]:
    """`fader up` in `folder`; it is expected to end by itself."""
    file = folder / "fader.yaml"
    if not file.exists():
        file.write_text(FILE.format(**{"listen": free_port(), "v1": free_port(), "v2": free_port(), **ports}))
    command = [sys.executable, "-m", "fader.cli.entry", "up", "-f", str(file), "--data-dir", str(folder / "data")]
    return subprocess.run(
        [*command, "--port", str(port or free_port())], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_version_that_does_not_answer(tmp_path: Path, taken: int) -> None:
    silent = free_port()
    result = up(tmp_path, v1=taken, v2=silent)
    assert result.returncode == 2, result.stderr
    said = result.stderr.replace("\n", " ")
    assert f"fader.yaml:7: version v2 of shop does not answer at 127.0.0.1:{silent} (connection refused)" in said
    assert "fix: start it, or correct the address" in said
    assert not (tmp_path / "data" / "gateway" / "ruleset.json").exists()


def test_the_port_of_a_service_is_taken(tmp_path: Path, taken: int) -> None:
    result = up(tmp_path, listen=taken)
    assert result.returncode == 2
    assert f"fader.yaml:3: port {taken} of service shop cannot be opened: address already in use" in result.stderr
    assert "fix: stop what uses it, or choose another port" in result.stderr


def test_the_port_of_the_server_is_taken(tmp_path: Path, taken: int) -> None:
    result = up(tmp_path, port=taken)
    assert result.returncode == 2
    assert f"cannot listen on 127.0.0.1:{taken}: address already in use" in result.stderr
    assert "--port" in result.stderr


def test_the_data_directory_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file")
    result = up(tmp_path)
    assert result.returncode == 2
    assert f"{tmp_path}/data: the data directory cannot be used" in result.stderr
    assert "--data-dir" in result.stderr


def test_the_data_directory_has_too_long_a_path(tmp_path: Path) -> None:
    folder = tmp_path / ("long" * 20)
    folder.mkdir()
    result = up(folder)
    assert result.returncode == 2
    assert "the path is too long for a socket in it" in result.stderr


def test_the_state_file_is_corrupt(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "state.db").write_bytes(os.urandom(8192))
    result = up(tmp_path)
    assert result.returncode == 2
    assert f"{tmp_path}/data/state.db: the state file is damaged" in result.stderr
    assert "put back a copy of state.db" in result.stderr


def test_the_file_is_not_there(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "fader.cli.entry", "up", "-f", str(tmp_path / "no.yaml")]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert "no.yaml" in result.stderr


def test_the_data_directory_is_in_use_and_a_second_rollout_is_refused(rig: Callable[[str], Any]) -> None:
    running = rig(
        """
rollouts:
  one: {service: shop, candidate: v2, stages: [5%, 100%], bake: 1h, guardrails: {errors: {tolerate: 1pp}}}
  two: {service: shop, candidate: v2, stages: [10%, 100%], bake: 1h, guardrails: {errors: {tolerate: 1pp}}}
"""
    )
    command = [sys.executable, "-m", "fader.cli.entry"]
    again = [*command, "up", "-f", str(running.file), "--data-dir", str(running.data), "--port", str(free_port())]
    result = subprocess.run(again, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 2
    assert f"another fader runs on this data directory (process {running.process.pid})" in result.stderr

    def start(rollout: str) -> subprocess.CompletedProcess[str]:
        options = ["--server", f"http://127.0.0.1:{running.api_port}", "--data-dir", str(running.data)]
        return subprocess.run(
            [*command, "start", rollout, *options], capture_output=True, text=True, timeout=60, check=False
        )

    assert start("one").returncode == 0
    refused = start("two")
    assert refused.returncode == 3
    assert "two cannot start: one is active on shop" in refused.stderr.replace("\n", " ")
