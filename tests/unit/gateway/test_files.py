"""Files that are whole after a crash: durable_file, ruleset_file, and the waiting times between tries."""

from __future__ import annotations

from pathlib import Path

import pytest

from fader.errors import BadInput, Corrupt
from fader.gateway import durable_file
from fader.gateway.agent import AgentConfig, run_agent
from fader.gateway.backoff import Backoff
from fader.gateway.binary import find_envoy
from fader.gateway.ruleset_file import RulesetFile
from fader.model.ruleset import Ruleset


@pytest.mark.parametrize("sync", [True, False])
def test_replacing_is_whole_and_private_and_leaves_nothing_behind(tmp_path: Path, sync: bool) -> None:
    path = tmp_path / "f"
    for content in (b"old", b"newer", b""):
        durable_file.replace(path, content, sync=sync)
        assert durable_file.content(path) == content
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_not_there(tmp_path: Path) -> None:
    assert durable_file.content(tmp_path / "none") is None
    durable_file.remove(tmp_path / "none")


def test_a_ruleset_comes_back(tmp_path: Path) -> None:
    file = RulesetFile(tmp_path / "ruleset.json")
    assert file.load() is None
    file.store(Ruleset(7))
    file.sync()
    assert file.load() == Ruleset(7)


def test_a_broken_ruleset_is_corrupt_and_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "ruleset.json"
    path.write_text('{"version": 1, "serv')
    with pytest.raises(Corrupt, match=r"ruleset\.json"):
        RulesetFile(path).load()
    assert path.read_text() == '{"version": 1, "serv'


def test_waiting_doubles_up_to_the_most_and_begins_anew() -> None:
    backoff = Backoff(first=0.1, most=0.5, free=1)
    assert [backoff.next() for _ in range(5)] == [0.0, 0.1, 0.2, 0.4, 0.5]
    backoff.reset()
    assert backoff.next() == 0.0


def test_an_envoy_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no program at"):
        find_envoy(tmp_path / "envoy")


async def test_a_directory_too_deep_for_a_socket_is_said_before_anything_is_made(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    with pytest.raises(BadInput, match="too long for a socket"):
        await run_agent(AgentConfig(deep, "http://127.0.0.1:1", tmp_path / "token"))
    assert not deep.exists()


async def test_a_directory_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="cannot be used"):
        await run_agent(AgentConfig(tmp_path / "file" / "gw", "http://127.0.0.1:1", tmp_path / "token"))
