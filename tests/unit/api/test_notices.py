"""OFREP's events: told of every change that matters to the key, of none that does not, and after an absence."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from tests.unit.api.test_feed import World, flag, read, upcoming

from fader.api.feed import STILL_HERE
from fader.api.notices import RECENT, Notices
from fader.model.flag import Prerequisite
from fader.model.segment import Segment

PROTOCOL = next(
    (p for above in Path(__file__).parents if (p := above / "shared/conformance/ofrep-openapi.yaml").exists()), None
)


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def refetch(stream: AsyncIterator[bytes]) -> dict[str, Any]:
    text = await upcoming(stream)
    [event] = read(text)
    data: dict[str, Any] = json.loads(event.data)
    assert (event.kind, data["etag"], data["type"]) == ("", event.id, "refetchEvaluation")
    return data


async def quiet(notices: Notices, clock: Clock, *, client: bool) -> str:
    """The id for whoever comes when nothing has changed for long."""
    async with aclosing(notices.follow("", client)) as stream:
        await upcoming(stream)
    clock.now += RECENT + 1
    async with aclosing(notices.follow("", client)) as stream:
        text = await upcoming(stream)
    assert b"data" not in text
    return text.decode().removeprefix("id: ").strip()


@pytest.mark.parametrize("client", [True, False])
async def test_a_change_is_told_and_nothing_else(client: bool) -> None:
    world, clock = World(flag("a", client=True)), Clock()
    notices = Notices(world.feed, clock)
    last = await quiet(notices, clock, client=client)
    async with aclosing(notices.follow(last, client)) as stream:
        assert await upcoming(stream) == STILL_HERE
        world.set(flag("a", "off", client=True))
        assert (await refetch(stream))["lastModified"] == int(clock.now)


async def test_a_client_key_hears_of_what_may_change_its_answers_alone() -> None:
    def needs(name: str, other: str, **more: Any) -> Any:
        return flag(name, requires=(Prerequisite(other, ("on",)),), **more)

    flags = (needs("page", "inner", client=True), needs("inner", "deep"), flag("deep"), flag("hidden"))
    world, clock = World(*flags), Clock()
    notices = Notices(world.feed, clock)
    last = await quiet(notices, clock, client=True)
    async with (
        aclosing(notices.follow(last, client=True)) as page,
        aclosing(notices.follow(world.feed.current.digest, client=False)) as server,
    ):
        assert [await upcoming(page), await upcoming(server)] == [STILL_HERE] * 2
        world.set(*flags[:3], flag("hidden", "off"))
        assert await upcoming(page) == STILL_HERE
        await refetch(server)
        world.set(*flags[:2], flag("deep", "off"), flag("hidden", "off"))
        await refetch(page)
        await refetch(server)
        world.set(*flags[:2], flag("deep", "off"), flag("hidden", "off"), segments=(Segment("s"),))
        await refetch(page)


async def test_who_comes_back_hears_of_what_was_missed() -> None:
    world, clock = World(flag("a", client=True)), Clock()
    notices = Notices(world.feed, clock)
    last = await quiet(notices, clock, client=True)
    world.set(flag("a", "off", client=True))
    clock.now += 10 * RECENT
    async with aclosing(notices.follow(last, client=True)) as stream:
        await refetch(stream)
    world.set(flag("a", client=True))
    async with aclosing(notices.follow(last, client=True)) as stream:
        assert await upcoming(stream) == STILL_HERE


async def test_who_comes_soon_after_a_change_may_have_fetched_before_it() -> None:
    world, clock = World(flag("a", client=True)), Clock()
    notices = Notices(world.feed, clock)
    await quiet(notices, clock, client=True)
    world.set(flag("a", "off", client=True))
    async with aclosing(notices.follow("", client=True)) as stream:
        await refetch(stream)


async def test_an_event_is_one_of_the_protocol() -> None:
    if PROTOCOL is None:
        pytest.skip("the protocol's OpenAPI document is not here")
    document = yaml.safe_load(PROTOCOL.read_text())
    schema = {"$ref": "#/components/schemas/sseEventData", **document}
    world = World(flag("a"))
    async with aclosing(Notices(world.feed, Clock()).follow("other", client=False)) as stream:
        jsonschema_rs.Draft202012Validator(schema).validate(await refetch(stream))
