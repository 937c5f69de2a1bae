from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from fader.errors import BadInput
from fader.gateway.lock import Lock, hold_directory


def test_a_directory_is_held_once_and_the_holder_is_named(tmp_path: Path) -> None:
    lock = hold_directory(tmp_path)
    with pytest.raises(BadInput, match=rf"another agent \(process {os.getpid()}\)"):
        hold_directory(tmp_path)
    lock.let_go()
    hold_directory(tmp_path).let_go()


def test_a_lock_left_behind_by_the_dead_is_free(tmp_path: Path) -> None:
    (tmp_path / "agent.lock").write_text("12345")
    hold_directory(tmp_path).let_go()


def test_a_child_that_inherited_the_lock_holds_it_for_as_long_as_it_lives(tmp_path: Path) -> None:
    lock, other = Lock(tmp_path / "envoy.lock"), Lock(tmp_path / "envoy.lock")
    assert lock.take("Envoy")
    child = subprocess.Popen(["sleep", "600"], pass_fds=[lock.fileno])
    try:
        lock.let_go()
        assert not other.take("a second")
    finally:
        child.kill()
        child.wait()
    assert other.take("a second")
    other.let_go()
