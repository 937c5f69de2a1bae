"""Flags without any service: `fader up` as a person starts it, a switch, and an app that outlives the server."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fader.sdk import Client

pytestmark = pytest.mark.slow

FILE = "flags: {new-checkout: {units: {on: [ann]}}}\n"
FADER = [sys.executable, "-m", "fader.cli.entry"]


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[[int], subprocess.Popen[str]]]:
    """Starts it, without waiting; ended after the test."""
    (tmp_path / "fader.yaml").write_text(FILE)
    running: list[subprocess.Popen[str]] = []

    def start(port: int) -> subprocess.Popen[str]:
        command = [*FADER, "up", "--port", str(port)]
        running.append(subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield start
    for process in running:
        if process.poll() is None:
            process.terminate()
        process.communicate()


def greeting(process: subprocess.Popen[str]) -> str:
    """What is said up to the last line of the start."""
    assert process.stderr is not None
    said = ""
    while "Ctrl-C stops" not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def until(true: Callable[[], bool], within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_switch_reaches_the_app_and_outlives_the_server(
    up: Callable[[int], subprocess.Popen[str]], tmp_path: Path
) -> None:
    port = free_port()
    server = up(port)
    assert "no services" not in greeting(server)
    url, data = f"http://127.0.0.1:{port}", tmp_path / "fader-data"
    with Client(url, (data / "server-key").read_text().strip()) as flags:
        assert flags.ready(30.0)
        assert flags.boolean("new-checkout", False, "ann")
        switch = [*FADER, "flag", "off", "new-checkout", "--server", url, "--data-dir", str(data)]
        subprocess.run(switch, check=True, capture_output=True, timeout=60)
        until(lambda: not flags.boolean("new-checkout", True, "ann"))
        server.send_signal(signal.SIGTERM)
        server.wait(45)
        assert not flags.boolean("new-checkout", True, "ann")
    greeting(up(port))
    with Client(url, (data / "server-key").read_text().strip()) as anew:
        assert anew.ready(30.0)
        assert anew.evaluate("new-checkout", True, "ann").reason == "DISABLED"
