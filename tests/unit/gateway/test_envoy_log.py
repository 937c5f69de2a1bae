from __future__ import annotations

import os
from pathlib import Path

from fader.gateway.envoy_log import EnvoyLog, worst

HEAD = "[2026-11-22 22:29:44.950][19382][{level}][config] [source/common/x.cc:81] "


def line(text: str, level: str = "warning") -> str:
    return HEAD.format(level=level) + text + "\n"


def test_a_taken_port_is_said_in_words() -> None:
    text = line("listener 'a' failed to bind: cannot bind '127.0.0.1:8080': Address already in use", "error")
    assert worst(text) == "127.0.0.1:8080 is taken: another program listens on port 8080"


def test_the_last_complaint_is_the_reason_and_may_have_several_lines() -> None:
    text = (
        line("first") + line("just talk", "info") + line("Proto constraint\nvalidation failed") + line("more", "info")
    )
    assert worst(text) == "Proto constraint validation failed"


def test_what_envoy_always_says_is_no_complaint() -> None:
    assert worst(line("There is no configured limit to the number") + line("caught SIGTERM")) == ""


def test_only_what_came_since_is_looked_at(tmp_path: Path) -> None:
    log = EnvoyLog(tmp_path / "envoy.log")
    assert log.complaint(0) == ""
    log.path.write_text(line("old"))
    since = log.end()
    assert log.complaint(since) == ""
    with log.path.open("a") as file:
        file.write(line("new"))
    assert log.complaint(since) == "new"


def test_it_is_bounded_and_the_writer_goes_on(tmp_path: Path) -> None:
    log = EnvoyLog(tmp_path / "envoy.log", limit=100)
    fd = log.open_for_envoy()
    os.write(fd, b"x" * 150)
    log.bound()
    os.write(fd, b"after")
    os.close(fd)
    assert log.path.read_bytes() == b"after"
    assert (tmp_path / "envoy.log.1").read_bytes() == b"x" * 150
