"""The client over an in-memory source: fast answers, never an exception, always the last good ruleset."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from memory_source import BODY, PATIENCE, VECTORS, MemorySource, change, ruleset, until

from fader.errors import Unavailable
from fader.sdk import Client, MemoryClient, Tracker, asking
from fader.sdk.answers import MOST_TOLD
from fader.sdk.cache import FEW
from fader.sdk.source import Change, KeyRefused

Open = Callable[..., Client]


@pytest.fixture
def opened() -> Iterator[Open]:
    clients: list[Client] = []

    def open_(source: MemorySource, cache: Path | None = None, silence: float = 30.0) -> Client:
        clients.append(Client("http://127.0.0.1:1", "key", cache=cache, silence=silence, source=source))
        return clients[-1]

    yield open_
    for client in clients:
        client.close()


def test_the_answers_of_the_vectors(opened: Open) -> None:
    client = opened(MemorySource(BODY))
    assert client.ready(PATIENCE)
    for case in VECTORS["cases"]:
        for flag, (variant, reason) in case["answers"].items():
            found = client.evaluate(flag, "no", case["unit"], case["attributes"])
            assert (found.variant, found.reason, found.error) == (variant, reason, ""), (flag, case)


def test_each_kind(opened: Open) -> None:
    client = opened(MemorySource(BODY))
    assert client.ready(PATIENCE)
    us = {"country": "US", "plan": "pro"}
    assert client.boolean("plain", default=False) is True
    assert client.string("ruled", "-", "ann", us) == "y"
    assert client.number("layered", 0, "user-3") == 50
    limits = client.json("limits", {})
    limits["max"].append("mine")
    assert client.json("limits", {}) == {"max": [1, None]}
    assert client.version == 1
    assert client.age < PATIENCE


def test_inside_of_a_request_a_question_without_a_unit_is_asked_for_who_sent_it(opened: Open) -> None:
    client = opened(MemorySource(BODY))
    assert client.ready(PATIENCE)
    us = {"country": "US", "plan": "pro"}
    drawn = {unit: client.boolean("drawn", False, unit) for unit in map(str, range(20))}
    assert set(drawn.values()) == {True, False}
    for unit, on in drawn.items():
        with asking(unit, us):
            assert client.boolean("drawn", False) is on
            assert client.string("ruled", "-") == "y"
            assert client.string("ruled", "-", attributes={"country": "DE"}) == client.string(
                "ruled", "-", unit, {"country": "DE"}
            )
            assert client.string("ruled", "-", unit) == client.string("ruled", "-", "somebody", {}) != "y"
            assert client.evaluate("drawn", False, "").reason == "DEFAULT"
    assert client.evaluate("drawn", False).reason == "DEFAULT"


def test_another_kind_is_the_callers_default(opened: Open) -> None:
    client = opened(MemorySource(BODY))
    assert client.ready(PATIENCE)
    assert client.boolean("ruled", default=True) is True
    assert client.string("plain", "d") == "d"
    assert client.number("plain", 7) == 7
    assert client.json("plain", {"a": 1}) == {"a": 1}
    assert client.failures == {"TYPE_MISMATCH": 4}


def test_nothing_is_raised_whatever_is_asked(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    source = MemorySource()
    client = opened(source)
    with caplog.at_level(logging.WARNING, "fader.sdk"):
        early = client.evaluate("plain", "d")
        assert (early.value, early.reason, early.error) == ("d", "ERROR", "PROVIDER_NOT_READY")
        assert client.age == float("inf")
        assert client.version == 0
        assert not client.ready(0.0)
        source.put(BODY)
        assert client.ready(PATIENCE)
        for _ in range(3):
            assert client.evaluate("none", "d").error == "FLAG_NOT_FOUND"
        questions: list[tuple[Any, ...]] = [(5, "d"), ([], "d"), ("drawn", "d", 5), ("drawn", "d", "\ud800")]
        questions += [("ruled", "d", "ann", 5), ("ruled", "d", "ann", None)]
        for question in questions:
            assert client.evaluate(*question).value == "d", question
            assert client.boolean(*question) == "d", question
    told = [r.getMessage() for r in caplog.records]
    assert len([t for t in told if "none" in t]) == 1
    assert client.failures["FLAG_NOT_FOUND"] == 3
    assert client.failures["GENERAL"] >= 12


def test_the_log_is_not_flooded(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    client = opened(MemorySource(BODY))
    assert client.ready(PATIENCE)
    for i in range(2 * MOST_TOLD):
        client.evaluate(f"unknown-{i}", None)
    assert len(caplog.records) == MOST_TOLD
    assert client.failures["FLAG_NOT_FOUND"] == 2 * MOST_TOLD


def test_a_newer_ruleset_takes_effect(opened: Open) -> None:
    source = MemorySource(ruleset(7), None, ruleset(8, enabled=False))
    client = opened(source)
    until(lambda: client.version == 8)
    assert client.evaluate("plain", None).reason == "DISABLED"
    until(lambda: len(source.asked) == 4)
    assert source.asked == [-1, 7, 7, 8]


@pytest.mark.parametrize(
    "bad", [b"", b"[]", b'{"version": 9}', b'{"version": 9, "flags": [{}], "segments": []}', b"\xff"]
)
def test_what_cannot_be_read_or_had_leaves_the_last_good_one(opened: Open, bad: bytes) -> None:
    source = MemorySource(ruleset(7), Unavailable("gone"), bad, ruleset(8))
    client = opened(source)
    until(lambda: client.version == 8)
    assert source.asked[:4] == [-1, 7, 7, 7]


def test_a_change_is_taken_without_the_whole(opened: Open) -> None:
    source = MemorySource()
    client = opened(source)
    heard: list[str] = []
    client.listen(heard.append)
    source.put(ruleset(7), change(7, 8, "ruled", enabled=False))
    until(lambda: len(source.asked) == 3)
    assert (client.version, source.asked, heard) == (8, [-1, 7, 8], ["changed", "changed"])
    assert client.evaluate("plain", None).reason == "DISABLED"
    assert client.evaluate("ruled", "d").error == "FLAG_NOT_FOUND"
    assert client.evaluate("drawn", "d").error == ""


@pytest.mark.parametrize("bad", [change(6, 9), Change(b""), Change(b'{"from": 7}'), Change(b"[]"), Change(b"\xff")])
def test_a_change_that_leads_from_elsewhere_or_cannot_be_read_is_not_taken(opened: Open, bad: Change) -> None:
    source = MemorySource(ruleset(7), bad, ruleset(8))
    client = opened(source)
    until(lambda: client.version == 8)
    assert source.asked[:3] == [-1, 7, 7]


def test_a_segment_that_is_gone_holds_for_nobody(opened: Open) -> None:
    names = [segment["name"] for segment in VECTORS["ruleset"]["segments"]]
    source = MemorySource(ruleset(7), change(7, 8, segments=names))
    client = opened(source)
    until(lambda: client.version == 8)
    source.put(change(8, 9))
    until(lambda: client.version == 9)
    assert not client._ruleset.segments


def test_one_broken_flag_breaks_no_other(opened: Open) -> None:
    flag = VECTORS["ruleset"]["flags"][0]
    rule = {"variant": "on", "condition": "tomorrow >", "share": 1_000_000, "name": ""}
    flags = [flag | {"name": "broken", "rules": [rule]}, flag, flag | {"name": "new", "more": 5}]
    client = opened(MemorySource(json.dumps({"version": 1, "flags": flags, "segments": []}).encode()))
    assert client.ready(PATIENCE)
    assert client.evaluate("broken", "d").error == "GENERAL"
    assert client.boolean("plain", default=False)
    assert client.boolean("new", default=False)


def test_the_cache_starts_a_client_without_server(opened: Open, tmp_path: Path) -> None:
    cache = tmp_path / "deep" / "fader.json"
    first = opened(MemorySource(ruleset(7)), cache)
    until(cache.exists)
    first.close()
    assert cache.stat().st_mode & 0o777 == 0o600
    source = MemorySource(Unavailable("gone"))
    second = opened(source, cache)
    assert second.version == 7
    assert second.boolean("plain", default=False)
    assert second.age == float("inf")
    until(lambda: bool(source.asked))
    assert source.asked == [-1]
    assert [p.name for p in cache.parent.iterdir()] == ["fader.json"]


def test_the_cache_holds_the_changes_too(opened: Open, tmp_path: Path) -> None:
    cache = tmp_path / "fader.json"
    first = opened(MemorySource(ruleset(7), change(7, 8, enabled=False), change(8, 9, "plain")), cache)
    until(lambda: cache.exists() and cache.read_bytes().count(b"\n") == 2)
    first.close()
    second = opened(MemorySource(Unavailable("gone")), cache)
    assert second.version == 9
    assert second.evaluate("plain", "d").error == "FLAG_NOT_FOUND"
    assert second.evaluate("drawn", "d").reason == "DEFAULT"


def test_changes_that_outgrow_the_whole_have_it_asked_for_again(opened: Open, tmp_path: Path) -> None:
    long = "x" * FEW
    source = MemorySource(ruleset(7), change(7, 8, description=long), ruleset(9), None)
    client = opened(source, tmp_path / "fader.json")
    until(lambda: len(source.asked) == 5)
    assert (client.version, source.asked) == (9, [-1, 7, -1, 9, 9])


def test_a_switch_that_the_cache_does_not_know_is_waited_for(opened: Open, tmp_path: Path) -> None:
    cache = tmp_path / "fader.json"
    cache.write_bytes(ruleset(7))
    source = MemorySource()
    client = opened(source, cache)
    assert client.version == 7
    late = threading.Timer(0.1, source.put, (ruleset(8, enabled=False),))
    late.start()
    assert client.ready(PATIENCE)
    assert client.evaluate("plain", None).reason == "DISABLED"


def test_a_server_that_fails_is_not_waited_for_when_there_is_a_cache(opened: Open, tmp_path: Path) -> None:
    cache = tmp_path / "fader.json"
    cache.write_bytes(ruleset(7))
    client = opened(MemorySource(Unavailable("gone")), cache)
    found: list[bool] = []
    threading.Thread(target=lambda: found.append(client.ready(10 * PATIENCE)), daemon=True).start()
    until(lambda: found == [True])
    assert client.version == 7


def test_a_silent_server_is_waited_for_no_longer_than_told(opened: Open, tmp_path: Path) -> None:
    cache = tmp_path / "fader.json"
    cache.write_bytes(ruleset(7))
    assert opened(MemorySource(), cache).ready(0.01)
    assert not opened(MemorySource()).ready(0.01)


def test_a_broken_cache_is_as_none(opened: Open, tmp_path: Path) -> None:
    cache = tmp_path / "fader.json"
    cache.write_bytes(BODY[:100])
    client = opened(MemorySource(BODY), cache)
    assert client.ready(PATIENCE)
    until(lambda: cache.read_bytes() == BODY)


def test_a_cache_that_cannot_be_written_stops_nothing(opened: Open, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    client = opened(MemorySource(BODY), tmp_path / "file" / "fader.json")
    assert client.ready(PATIENCE)
    assert client.boolean("plain", default=False)


def test_a_forked_process_keeps_up_to_date_by_itself() -> None:
    """In a process of its own: forking one with threads and libraries of tests in it is nobody's business."""
    script = f"""
import os, sys, time
sys.path.insert(0, {str(Path(__file__).parent)!r})
import test_client as t
source = t.MemorySource(t.ruleset(7))
client = t.Client("http://127.0.0.1:1", "key", source=source)
assert client.ready(10)
child = os.fork()
if child == 0:
    t.until(lambda: client.version == 99)
    os._exit(0 if client.boolean("plain", default=False) else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
assert client.version == 7
client.close()
"""
    subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", script], check=True, timeout=60)


def test_a_forgotten_client_ends_its_thread() -> None:
    source = MemorySource(BODY)
    client = Client("http://127.0.0.1:1", "key", source=source)
    assert client.ready(PATIENCE)
    thread = client._thread
    del client
    source.put(None)
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_an_address_that_is_none() -> None:
    with pytest.raises(ValueError, match="no address of a server"):
        Client("127.0.0.1:7070", "key")


def test_listeners_hear_of_rulesets_and_of_silence(opened: Open) -> None:
    source = MemorySource()
    client = opened(source, silence=0.0)
    heard: list[str] = []
    client.listen(heard.append)
    client.listen(heard.append)
    source.put(ruleset(7), None, Unavailable("gone"), Unavailable("gone"), None, ruleset(8))
    until(lambda: client.version == 8)
    until(lambda: len(source.asked) == 7)
    assert heard == ["changed", "silent", "back", "changed"]
    client.unlisten(heard.append)
    source.put(ruleset(9))
    until(lambda: len(source.asked) == 8)
    assert len(heard) == 4


def test_who_comes_during_a_silence_is_told_of_it_and_of_its_end(opened: Open) -> None:
    source = MemorySource(ruleset(7), Unavailable("gone"))
    client = opened(source, silence=0.0)
    until(lambda: len(source.asked) == 3)
    first: list[str] = []
    client.listen(first.append)
    source.put(Unavailable("gone"), None)
    until(lambda: len(source.asked) == 5)
    second: list[str] = []
    client.listen(second.append)
    source.put(None)
    until(lambda: len(source.asked) == 6)
    assert (first, second) == (["silent", "back"], [])


def test_a_short_silence_is_none(opened: Open) -> None:
    source = MemorySource()
    client = opened(source)
    heard: list[str] = []
    client.listen(heard.append)
    source.put(ruleset(7), Unavailable("gone"), None)
    until(lambda: len(source.asked) == 4)
    assert heard == ["changed"]


def test_a_listener_that_fails_stops_nothing(opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    source = MemorySource()
    client = opened(source)
    heard: list[str] = []

    def broken(news: str) -> None:
        raise RuntimeError(news)

    client.listen(broken)
    client.listen(heard.append)
    source.put(ruleset(7), ruleset(8))
    until(lambda: len(source.asked) == 3)
    assert (client.version, heard) == (8, ["changed", "changed"])
    assert "a listener failed" in caplog.text


def test_a_key_that_is_refused(opened: Open) -> None:
    source = MemorySource(KeyRefused("no"))
    client = opened(source)
    until(lambda: client.refused)
    source.put(BODY)
    assert client.ready(PATIENCE)
    assert not client.refused


def test_the_sdk_loads_nothing_of_the_server() -> None:
    heavy = ("pydantic", "numpy", "duckdb", "msgspec", "starlette", "sqlalchemy", "httpx2", "structlog", "yaml")
    heavy = (*heavy, "openfeature")
    script = f"import sys, fader.sdk; print([m for m in {heavy!r} if m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert loaded.stdout == "[]\n"


def test_the_in_memory_client() -> None:
    flags = MemoryClient({"a": True, "n": 5, "j": {"x": []}})
    assert flags.boolean("a", default=False)
    assert flags.number("n", 0) == 5
    assert flags.string("a", "d") == "d"
    assert flags.boolean("none", default=True)
    flags.set("a", False)
    assert not flags.boolean("a", default=True, unit="ann", attributes={"country": "US"})
    assert flags.evaluate("a", None).reason == "STATIC"
    assert dict(flags.failures) == {"TYPE_MISMATCH": 1, "FLAG_NOT_FOUND": 1}
    assert flags.ready()
    assert not flags.refused
    heard: list[str] = []
    flags.listen(heard.append)
    flags.set("a", True)
    assert heard == ["changed"]
    flags.close()


# Rollouts ---------------------------------------------------------------------------------------------------------


class Told(Tracker):
    """A tracker that keeps what it is told."""

    def __init__(self) -> None:
        self.exposures: list[tuple[str, str, str]] = []
        self.events: list[tuple[str, str, dict[str, Any]]] = []

    def exposure(self, rollout: str, version: str, unit: str) -> None:
        self.exposures.append((rollout, version, unit))

    def track(self, name: str, unit: str, properties: Any = None) -> None:
        self.events.append((name, unit, dict(properties)))


def moving(version: int, width: int) -> bytes:
    document = json.loads(BODY)
    for flag in document["flags"]:
        if flag["name"] == "plain":
            flag["move"] = {
                "rollout": "new-form",
                "candidate": flag["off"],
                "salt": "plain/new-form",
                "interval": {"start": 0, "width": width},
                "beside": [],
            }
    return json.dumps(document | {"version": version}).encode()


def test_what_a_rollout_gave_is_told_once_for_each_unit() -> None:
    told = Told()
    with Client("http://127.0.0.1:1", "key", source=MemorySource(moving(1, 500_000)), tracker=told) as client:
        assert client.ready(PATIENCE)
        answers = {unit: client.evaluate("plain", None, unit) for unit in map(str, range(40))}
        assert {a.reason for a in answers.values()} == {"SPLIT"}
        assert {a.metadata["fader.rollout"] for a in answers.values()} == {"new-form"}
        for unit in answers:
            client.boolean("plain", False, unit)
        client.evaluate("plain", None, "")
        client.evaluate("ruled", None, "ann")
    assert told.exposures == [("new-form", a.variant, unit) for unit, a in answers.items()]
    assert len({a.variant for a in answers.values()}) == 2


def test_a_teller_that_fails_costs_no_answer(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Told):
        def exposure(self, rollout: str, version: str, unit: str) -> None:
            raise RuntimeError("no")

    with Client("http://127.0.0.1:1", "key", source=MemorySource(moving(1, 500_000)), tracker=Broken()) as client:
        assert client.ready(PATIENCE)
        assert client.evaluate("plain", None, "ann").reason == "SPLIT"


def test_what_users_do_is_tracked_for_the_unit_of_the_request() -> None:
    told = Told()
    with Client("http://127.0.0.1:1", "key", source=MemorySource(BODY), tracker=told) as client:
        client.track("order", "ann", {"amount": 5.0})
        with asking("bob"):
            client.track("order")
    assert told.events == [("order", "ann", {"amount": 5.0}), ("order", "bob", {})]
