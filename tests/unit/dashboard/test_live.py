"""The watcher: what reaches a reader, that nobody is left behind, and that nothing runs when nobody looks."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from dashboard_twin import scenes, services
from dashboard_twin.control import ScriptedControl
from fader.dashboard.live import BACKLOG, Live, Mailbox, Snapshot
from fader.dashboard.pages import Pages
from fader.dashboard.rollout import Rollout
from fader.dashboard.templating import Templates
from fader.errors import NotFound


def live_of(control: ScriptedControl, now: float) -> Live:
    page = Rollout(control, Templates(), lambda: now)
    return Live(page.snapshot, control.changes)


async def page_of(stream: AsyncGenerator[bytes, None]) -> dict[str, Any]:
    """The next news of a page; beats are passed over."""
    while True:
        event = (await asyncio.wait_for(anext(stream), 30)).decode()
        kind, data = event.removeprefix("event: ").split("\ndata: ", 1)
        assert data.endswith("\n\n")
        if kind == "page":
            news: dict[str, Any] = json.loads(data)
            return news


async def listening(control: ScriptedControl) -> None:
    async with asyncio.timeout(30):
        while not control.listeners:
            await asyncio.sleep(0.01)


async def idle(control: ScriptedControl) -> None:
    async with asyncio.timeout(30):
        while control.listeners:
            await asyncio.sleep(0.01)


async def test_a_stream_begins_with_everything_then_sends_what_changed(now: float) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene)
    async with aclosing(live_of(control, now).stream("shop-v2")) as stream:
        first = await page_of(stream)
        assert first["whole"]
        assert {"head", "hero", "history"} <= first["regions"].keys()
        waiting = asyncio.ensure_future(page_of(stream))
        await listening(control)
        control.play(replace(scene, view=replace(scene.view, headline="Something else is true now.")))
        news = await waiting
        assert not news["whole"]
        assert list(news["regions"]) == ["head"]
        assert "Something else is true now." in news["regions"]["head"]


async def test_readers_of_one_page_share_one_rendering(now: float) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene)
    live = live_of(control, now)
    streams = [live.stream("shop-v2") for _ in range(40)]
    for stream in streams:
        await page_of(stream)
    waiting = [asyncio.ensure_future(page_of(stream)) for stream in streams]
    await listening(control)
    before = control.rendered
    control.play(replace(scene, view=replace(scene.view, headline="New.")))
    assert all("New." in news["regions"]["head"] for news in await asyncio.gather(*waiting))
    assert control.rendered - before < 10
    for stream in streams:
        await stream.aclose()


async def test_pages_that_open_together_share_one_rendering(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    live = live_of(control, now)
    streams = [live.stream("shop-v2") for _ in range(40)]
    first = await asyncio.gather(*map(page_of, streams))
    assert control.rendered == 1
    assert all(news == first[0] and news["whole"] for news in first)
    for stream in streams:
        await stream.aclose()


async def test_a_page_that_opens_after_a_move_is_given_what_moved(now: float) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene)
    page = Rollout(control, Templates(), lambda: now)
    live = Live(page.snapshot, control.changes, control.moves, refresh=3600.0)
    one, two, three = (live.stream("shop-v2") for _ in range(3))
    await page_of(one)
    await listening(control)
    control.play(replace(scene, view=replace(scene.view, headline="First.")))
    assert "First." in (await page_of(one))["regions"]["head"]
    # Now nothing is drawn for those who look already until what comes soon after can be shown with it.
    assert "First." in (await page_of(two))["regions"]["head"]
    control.play(replace(scene, view=replace(scene.view, headline="Second.")))
    await asyncio.sleep(0.01)
    assert "Second." in (await page_of(three))["regions"]["head"]
    for stream in (one, two, three):
        await stream.aclose()


async def test_who_left_while_a_page_was_drawn_takes_it_from_nobody(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    page, drawing, go = Rollout(control, Templates(), lambda: now), asyncio.Event(), asyncio.Event()

    async def slowly(key: str, since: float) -> Snapshot:
        drawing.set()
        await go.wait()
        return await page.snapshot(key, since)

    live = Live(slowly, control.changes)
    one, two = live.stream("shop-v2"), live.stream("shop-v2")
    leaves, stays = asyncio.ensure_future(page_of(one)), asyncio.ensure_future(page_of(two))
    await drawing.wait()
    leaves.cancel()
    go.set()
    assert (await stays)["whole"]
    assert control.rendered == 1
    await two.aclose()


async def test_new_points_are_sent_once(now: float) -> None:
    scene = scenes.ramping(now)
    later = scenes.curve(now + 5, now - 420, 2, 250_000, 0.004, 180.0)
    latest = scenes.curve(now + 6, now - 420, 2, 250_000, 0.004, 180.0)
    control = ScriptedControl(scene)
    async with aclosing(live_of(control, now).stream("shop-v2")) as stream:
        await page_of(stream)
        waiting = asyncio.ensure_future(page_of(stream))
        await listening(control)
        control.play(replace(scene, points=(*scene.points, *later)))
        await waiting
        control.play(replace(scene, points=(*scene.points, *later, *latest)))
        news = await page_of(stream)
        assert [[r[0] for r in m["rows"]] for m in news["chart"]["metrics"]] == [[now + 6], [now + 6]]


@pytest.mark.parametrize("key", ["/", "/?q=shop", "/audit?actor=ada", "/services", "/services/shop"])
async def test_pages_about_several_rollouts_follow_each_of_them(now: float, key: str) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene, services=services.everything(now))
    pages = Pages(control, control.flags, control.applier, control.installation, control.notifier, lambda: now)
    # Without the change being told, nothing would be drawn again within the hour.
    async with aclosing(Live(pages.snapshot, control.changes, refresh=3600.0).stream(key)) as stream:
        assert (await page_of(stream))["whole"]
        waiting = asyncio.ensure_future(page_of(stream))
        await listening(control)
        control.play(scenes.rolled_back(now, "shop-v2", "shop"))
        control.upstreams["shop"] = replace(control.upstreams["shop"], candidate="")
        async with asyncio.timeout(30):  # a stream that has no news still beats
            assert (await waiting)["regions"]


async def test_a_move_is_shown_at_once_and_figures_on_a_slower_beat(now: float) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene)
    page = Rollout(control, Templates(), lambda: now)
    live = Live(page.snapshot, control.changes, control.moves, refresh=3600.0, figures=(3600.0, 3600.0))
    async with aclosing(live.stream("shop-v2")) as stream:
        await page_of(stream)
        waiting = asyncio.ensure_future(page_of(stream))
        await listening(control)
        drawn = control.rendered
        for units in (1, 2, 3):
            control.play(replace(scene, view=replace(scene.view, units_exposed=units)), figures=True)
            await asyncio.sleep(0.3)
        assert control.rendered == drawn
        control.play(replace(scene, view=replace(scene.view, headline="It moved.", units_exposed=4)))
        assert {"head", "hero"} <= (await waiting)["regions"].keys()
        drawn = control.rendered
        control.play(replace(scene, view=replace(scene.view, units_exposed=5)), figures=True)
        await asyncio.sleep(0.6)
        assert control.rendered == drawn


async def test_figures_are_shown_in_the_end(now: float) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene)
    page = Rollout(control, Templates(), lambda: now)
    live = Live(page.snapshot, control.changes, control.moves, refresh=3600.0)
    async with aclosing(live.stream("shop-v2")) as stream:
        await page_of(stream)
        waiting = asyncio.ensure_future(page_of(stream))
        await listening(control)
        control.play(replace(scene, view=replace(scene.view, units_exposed=77_777)), figures=True)
        async with asyncio.timeout(30):
            assert "77,777" in (await waiting)["regions"]["hero"]


async def test_what_moved_is_told_from_what_grew_at_the_same_time(now: float) -> None:
    scene = scenes.ramping(now)
    one, two = (replace(scene, view=replace(scene.view, name=name)) for name in ("one", "two"))
    control = ScriptedControl(one, two)
    page, drawn = Rollout(control, Templates(), lambda: now), list[str]()

    async def render(key: str, since: float) -> Snapshot:
        drawn.append(key)
        return await page.snapshot(key, since)

    live = Live(render, control.changes, control.moves, refresh=3600.0, figures=(3600.0, 3600.0))
    async with aclosing(live.stream("one")) as first, aclosing(live.stream("two")) as second:
        await page_of(first)
        await page_of(second)
        waiting = asyncio.ensure_future(page_of(second))
        await listening(control)
        control.play(one, figures=True)
        control.play(replace(two, view=replace(two.view, headline="It moved.")))
        async with asyncio.timeout(30):
            assert "It moved." in (await waiting)["regions"]["head"]
        assert drawn == ["one", "two", "two"]


async def test_what_moves_while_figures_are_drawn_is_drawn_before_the_rest_of_them(now: float) -> None:
    scene = scenes.ramping(now)
    names = [f"shop-{i}" for i in range(20)]
    each = {name: replace(scene, view=replace(scene.view, name=name)) for name in names}
    control = ScriptedControl(*each.values())
    page, drawn = Rollout(control, Templates(), lambda: now), list[str]()

    async def render(key: str, since: float) -> Snapshot:
        drawn.append(key)
        if drawn == [names[0]]:  # the first of those whose figures have grown
            control.play(each[names[-1]])
        return await page.snapshot(key, since)

    live = Live(render, control.changes, control.moves, refresh=3600.0, figures=(0.0, 0.0))
    streams = [live.stream(name) for name in names]
    for stream in streams:
        await page_of(stream)
    waiting = [asyncio.ensure_future(page_of(stream)) for stream in streams]
    await listening(control)
    drawn.clear()
    for one in each.values():
        control.play(replace(one, view=replace(one.view, units_exposed=7)), figures=True)
    await waiting[0]
    async with asyncio.timeout(30):
        while len(drawn) < len(names):
            await asyncio.sleep(0.01)
    assert drawn.index(names[-1]) < 5
    for future in waiting:
        future.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    for stream in streams:
        await stream.aclose()


async def test_nothing_runs_when_nobody_looks(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    live = live_of(control, now)
    stream = live.stream("shop-v2")
    await page_of(stream)
    await listening(control)
    await stream.aclose()
    await idle(control)
    assert live.readers == 0


async def test_a_rollout_that_does_not_exist_is_an_error_before_the_stream(now: float) -> None:
    live = live_of(ScriptedControl(), now)
    with pytest.raises(NotFound):
        await anext(live.stream("nothing"))
    assert live.readers == 0


async def test_a_rollout_that_goes_away_ends_its_streams(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now))
    async with aclosing(live_of(control, now).stream("shop-v2")) as stream:
        await page_of(stream)
        await listening(control)
        control.remove("shop-v2")
        async with asyncio.timeout(30):
            assert [e async for e in stream if not e.startswith(b"event: beat")] == []


async def test_a_reader_after_all_others_left_is_live_again(now: float) -> None:
    scene = scenes.ramping(now)
    control = ScriptedControl(scene)
    live = live_of(control, now)
    stream = live.stream("shop-v2")
    await page_of(stream)
    await stream.aclose()
    await idle(control)
    async with aclosing(live.stream("shop-v2")) as second:
        await page_of(second)
        waiting = asyncio.ensure_future(page_of(second))
        await listening(control)
        control.play(replace(scene, view=replace(scene.view, headline="Second life.")))
        assert "Second life." in (await waiting)["regions"]["head"]


def moment(regions: dict[str, str], rows: int = 0, at: float = 0.0) -> Snapshot:
    chart = {"attempt": 1, "metrics": [{"name": "errors", "rows": [[at, 0]] * rows}]}
    return Snapshot("t", at, regions, chart)


def test_readers_alike_share_their_news_and_others_get_their_own() -> None:
    one, two, other = Mailbox({"a": "1", "b": "1"}), Mailbox({"a": "1", "b": "1"}), Mailbox({"a": "1", "b": "2"})
    shared: dict[tuple[str, ...], Snapshot] = {}
    for mailbox in (one, two, other):
        mailbox.put(moment({"a": "2", "b": "2"}), shared)
    assert one.snapshot is two.snapshot
    assert one.snapshot is not None
    assert other.snapshot is not None
    assert (one.snapshot.regions, other.snapshot.regions) == ({"a": "2", "b": "2"}, {"a": "2"})
    one.put(moment({"a": "3", "b": "2"}), {})
    assert two.snapshot is not None
    assert (one.snapshot.regions, two.snapshot.regions) == ({"a": "3", "b": "2"}, {"a": "2", "b": "2"})


def test_a_slow_reader_gets_the_latest_of_each_region_and_every_row() -> None:
    box = Mailbox(seen={"head": "a", "hero": "a"})
    box.put(moment({"head": "b", "hero": "a"}, 2, 1.0))
    box.put(moment({"head": "c", "hero": "d"}, 3, 2.0))
    assert box.snapshot is not None
    assert box.snapshot.regions == {"head": "c", "hero": "d"}
    assert box.snapshot.chart is not None
    assert len(box.snapshot.chart["metrics"][0]["rows"]) == 5


def test_a_change_back_is_a_change_for_who_saw_the_other() -> None:
    box = Mailbox(seen={"head": "b"})
    box.put(moment({"head": "a"}))
    assert box.snapshot is not None
    assert box.snapshot.regions == {"head": "a"}


def test_a_reader_that_never_reads_is_let_go() -> None:
    box = Mailbox()
    for n in range(12):
        box.put(moment({}, BACKLOG // 10, n))
    assert box.closed
