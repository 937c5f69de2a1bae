"""Listeners hear of every rollout that changed, however slow they are."""

from __future__ import annotations

import asyncio

from fader.engine.changes import Changes


async def test_a_slow_listener_hears_each_name_once() -> None:
    changes = Changes()
    heard: list[str] = []

    async def listen() -> None:
        async for name in changes.listen():
            heard.append(name)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(listen())
    await asyncio.sleep(0)
    for _ in range(100):
        changes.tell("a")
        changes.tell("b")
    async with asyncio.timeout(5):
        while heard != ["a", "b"]:
            await asyncio.sleep(0.005)
        changes.tell("a")
        while heard != ["a", "b", "a"]:
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_listener_that_left_is_forgotten() -> None:
    changes = Changes()
    task = asyncio.create_task(anext(changes.listen()))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    changes.tell("a")
    assert changes.listeners == 0


def test_what_is_more_than_figures_is_counted_by_name() -> None:
    changes = Changes()
    assert (changes.moves(), changes.moves("a")) == (0, 0)
    changes.tell("a")
    changes.tell("b", figures=True)
    changes.tell("c")
    assert (changes.moves(), changes.moves("a"), changes.moves("b"), changes.moves("c")) == (2, 1, 0, 2)
