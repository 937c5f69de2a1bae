"""The stream for SDKs: whoever follows ends with the ruleset in force, whatever was cut, and hears what changed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fader.api import feed as feeds
from fader.api.feed import STILL_HERE, Feed
from fader.engine.flag_desk import FlagDesk
from fader.engine.publish import Publisher
from fader.model.flag import Flag, Switch, Variant
from fader.model.segment import Segment
from fader.sdk.document import Held, changed, read_ruleset
from fader.sdk.sse import Event, events
from fader.storage.memory import MemoryStateStore

PATIENCE = 10.0


def flag(name: str, default: str = "on", **more: Any) -> Flag:
    return Flag(name, "boolean", (Variant("off", False), Variant("on", True)), default, "off", **more)


class World:
    """A server whose flags and segments are set; `feed` is what it sends."""

    def __init__(self, *flags: Flag, version: int = 0) -> None:
        self.states = MemoryStateStore()
        for number in range(version):
            self.states.publish((), (flag(f"before-{number}"),))
        self.states.apply((), (), flags, ())
        self.publisher = Publisher(self.states)
        self.publisher.publish()
        self.desk = FlagDesk(self.states, self.publisher, lambda: 0.0)
        self.feed = Feed(self.desk, heartbeat=3600.0)

    def set(self, *flags: Flag, segments: tuple[Segment, ...] = ()) -> None:
        self.states.apply((), (), flags, segments)
        self.publisher.publish()


def read(text: bytes) -> list[Event]:
    return list(events(text.splitlines(keepends=True)))


def after(held: Held, text: bytes) -> Held:
    """What an SDK holds that held `held`."""
    for event in read(text):
        if event.kind:
            held = read_ruleset(event.data) if event.kind == "ruleset" else changed(held, event.data)
    return held


def in_force(world: World) -> Held:
    ruleset = world.desk.ruleset
    return read_ruleset(msgspec.json.encode(ruleset))


async def upcoming(stream: AsyncIterator[bytes]) -> bytes:
    async with asyncio.timeout(PATIENCE):
        return await anext(stream)


async def test_the_whole_first_and_then_what_changes() -> None:
    world = World(flag("a"), flag("b"))
    async with aclosing(world.feed.follow()) as stream:
        first = read(await upcoming(stream))[0]
        assert (first.kind, [f["name"] for f in json.loads(first.data)["flags"]]) == ("ruleset", ["a", "b"])
        version = world.desk.ruleset.version
        world.set(flag("a"), flag("b", "off"), flag("c"), segments=(Segment("s"),))
        second = read(await upcoming(stream))[0]
        found = json.loads(second.data)
        assert [f["name"] for f in found["flags"]] == ["b", "c"]
        assert [s["name"] for s in found["segments"]] == ["s"]
        assert (found["from"], found["version"], found["gone"]) == (version, version + 1, {"flags": [], "segments": []})
        world.set(flag("b", "off"))
        found = json.loads(read(await upcoming(stream))[0].data)
        assert (found["flags"], found["gone"]) == ([], {"flags": ["a", "c"], "segments": ["s"]})


async def test_all_who_follow_are_sent_the_same_bytes_and_share_a_task() -> None:
    world = World(flag("a"))
    async with aclosing(world.feed.follow()) as one, aclosing(world.feed.follow()) as other:
        assert await upcoming(one) == await upcoming(other)
        tasks = len(asyncio.all_tasks())
        async with aclosing(world.feed.follow()) as third:
            await upcoming(third)
            assert (len(asyncio.all_tasks()), world.feed.followers) == (tasks, 3)
        world.set(flag("a", "off"))
        since = [world.feed.since(f"{world.desk.ruleset.version}-other") for _ in range(2)]
        assert since[0] is since[1]
        assert await upcoming(one) == await upcoming(other)
    await asyncio.sleep(0)
    assert (world.feed.followers, len(asyncio.all_tasks())) == (0, 1)


async def test_who_is_slow_misses_nothing() -> None:
    world = World(flag("a"))
    async with aclosing(world.feed.follow()) as stream:
        held = after(Held(0, (), ()), await upcoming(stream))
        for number in range(5):
            world.set(flag("a", "off" if number % 2 else "on"), flag(f"b{number}"))
        held = after(held, await upcoming(stream))
    assert held == in_force(world)


async def test_a_sign_of_life() -> None:
    world = World(flag("a"))
    feed = Feed(world.desk, heartbeat=0.01)
    async with aclosing(feed.follow(feed.current.id)) as stream:
        assert [await upcoming(stream) for _ in range(3)] == [STILL_HERE] * 3


async def test_what_is_long_comes_in_slices() -> None:
    world = World(flag("a", description="x" * 3 * feeds.SLICE))
    async with aclosing(world.feed.follow()) as stream:
        parts = [await upcoming(stream) for _ in range(4)]
    assert [len(part) for part in parts[:3]] == [feeds.SLICE] * 3
    assert after(Held(0, (), ()), b"".join(parts)) == in_force(world)


async def test_who_comes_the_moment_that_the_last_one_leaves_is_told() -> None:
    world = World(flag("a"))
    async with aclosing(world.feed.follow()) as stream:
        await upcoming(stream)
        await asyncio.sleep(0)
    async with aclosing(world.feed.follow(world.feed.current.id)) as stream:
        assert await upcoming(stream) == STILL_HERE
        waiting = asyncio.create_task(upcoming(stream))
        await asyncio.sleep(0)
        world.set(flag("a", "off"))
        assert b"event: change" in await waiting


async def test_who_asks_meanwhile_keeps_no_news_from_the_others() -> None:
    """The change is first seen by somebody who comes, and not by the task that waits for it."""
    world = World(flag("a"))
    async with aclosing(world.feed.follow(world.feed.current.id)) as stream:
        assert await upcoming(stream) == STILL_HERE
        world.set(flag("a", "off"))
        assert world.feed.current.version == world.desk.ruleset.version
        assert b"event: change" in await upcoming(stream)


async def test_who_comes_back_gets_what_was_missed() -> None:
    world = World(flag("a"))
    last = world.feed.current.id
    held = in_force(world)
    assert world.feed.since(last) == STILL_HERE
    for number in range(3):
        world.set(flag("a"), flag(f"b{number}"))
    missed = world.feed.since(last)
    assert b"ruleset" not in missed
    assert after(held, missed) == in_force(world)


async def test_the_same_flags_of_another_process_are_not_sent_again() -> None:
    held, world = World(flag("a"), version=3), World(flag("a"))
    assert held.feed.current.id != world.feed.current.id
    [event] = read(world.feed.since(held.feed.current.id))
    assert (event.kind, json.loads(event.data)["flags"]) == ("change", [])
    assert after(in_force(held), world.feed.since(held.feed.current.id)) == in_force(world)


@pytest.mark.parametrize("last", ["", "7-x", "x", "-", "\u0662-{digest}", "-1-{digest}", "9" * 5000 + "-{digest}"])
async def test_what_is_unknown_gets_the_whole(last: str) -> None:
    world = World(flag("a"))
    last = last.replace("{digest}", world.feed.current.digest)
    held = after(Held(0, (), ()), world.feed.since(last)) if last[:1] != "\u0662" else in_force(world)
    assert held == in_force(world)
    assert read(world.feed.since("7-x"))[0].kind == "ruleset"


async def test_old_changes_are_forgotten_and_the_newest_never() -> None:
    world = World(flag("a"))
    ids = []
    for number in range(3):
        ids.append(world.feed.current.id)
        world.set(flag("a", description=str(number) * feeds.KEPT))
    assert [read(world.feed.since(last))[0].kind for last in ids] == ["ruleset", "ruleset", "change"]


async def test_another_switch_of_one_flag_encodes_no_other() -> None:
    world = World(*(flag(f"f{number}") for number in range(3)))
    before = world.feed.current._pieces["flags"]
    world.states.switch(Switch("f1", False, 1.0))
    world.publisher.publish()
    after = world.feed.current._pieces["flags"]
    assert [after[name] is before[name] for name in ("f0", "f1", "f2")] == [True, False, True]


FLAGS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(("on", "off")), max_size=3)
SEGMENTS = st.dictionaries(st.sampled_from("st"), st.sampled_from(("ann", "bob")), max_size=2)
Turn = tuple[dict[str, str], dict[str, str], bool]


@settings(max_examples=50)
@given(turns=st.lists(st.tuples(FLAGS, SEGMENTS, st.booleans()), max_size=8))
def test_whoever_comes_and_goes_holds_what_is_in_force(
    turns: list[tuple[dict[str, str], dict[str, str], bool]],
) -> None:
    world = World()
    held, last = after(Held(0, (), ()), world.feed.since("")), world.feed.current.id
    for flags, segments, listens in turns:
        listed = tuple(Segment(name, units=(unit,)) for name, unit in segments.items())
        world.set(*(flag(name, default) for name, default in flags.items()), segments=listed)
        if listens:
            held, last = after(held, world.feed.since(last)), world.feed.current.id
    held = after(held, world.feed.since(last))
    wanted = in_force(world)
    assert held.version == wanted.version
    assert sorted(held.flags, key=lambda f: f.name) == sorted(wanted.flags, key=lambda f: f.name)
    assert sorted(held.segments, key=lambda s: s.name) == sorted(wanted.segments, key=lambda s: s.name)
