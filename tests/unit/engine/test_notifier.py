"""Channels in a running control plane: told of every step they want, at least once, and in nobody's way."""

from __future__ import annotations

import asyncio
from itertools import pairwise

import pytest
from tests.unit.engine.conftest import FILE, World

from fader.engine.notifier import FIRST_PAUSE, GIVE_UP, LAST_PAUSE, Notifier
from fader.errors import NotFound
from fader.model.front import Front
from fader.model.state import Phase
from fader.notify.memory import MemoryMessenger

CHANNELS = """
notifications:
  oncall: {url: "http://h/x", on: [started, held, rolled_back, aborted, completed]}
  team: {url: "http://h/y", on: [completed]}
"""

FRONT = Front("https://fader.example.com")


class Told(World):
    """With two channels; `messenger` has what they were told."""

    def restart(self) -> None:
        super().restart()
        self.heard: list[str] = []
        self.messenger = getattr(self, "messenger", MemoryMessenger())
        self.notifier = Notifier(self.states, self.messenger, self.heard.append, lambda: self.now, FRONT)

    async def second(self, each: int = 1) -> None:
        await super().second(each)
        await asyncio.gather(*self.notifier.turn())

    def told(self, channel: str = "oncall") -> list[tuple[str, str]]:
        return [(notice.kind, notice.sentence) for name, notice in self.messenger.taken if name == channel]

    def state(self, channel: str = "oncall") -> tuple[str, int, int]:
        view = self.notifier.view(channel)
        return view.failing, view.waiting, view.dropped


@pytest.fixture
async def told() -> Told:
    made = Told()
    await made.apply(FILE + CHANNELS)
    made.gateway_reports()
    await made.second()
    return made


async def test_a_channel_hears_what_it_asked_for_in_the_words_of_the_headline(told: Told) -> None:
    await told.ask("start")
    told.error_rates["v2"] = 0.5
    view = await told.until(lambda v: v.state.phase is Phase.ROLLED_BACK)
    assert told.told() == [
        ("started", "shop-v2 learns what is normal on v1; nobody has v2 yet"),
        ("rolled_back", view.headline),
    ]
    last = told.messenger.taken[-1][1]
    assert last.url == f"https://fader.example.com/rollouts/shop-v2#step-{last.seq}"
    assert told.told("team") == []
    last = told.messenger.taken[-1][1]
    assert (last.rollout, last.seq, last.phase) == ("shop-v2", view.state.revision, "rolled_back")
    await told.second()
    assert len(told.told()) == 2


async def test_a_dead_channel_holds_nobody_and_hears_all_of_it_later_in_order(told: Told) -> None:
    told.messenger.down["oncall"] = "answered with HTTP 500"
    await told.ask("start")
    view = await told.until(lambda v: v.state.phase is Phase.COMPLETED, seconds=300)
    assert told.told("team") == [("completed", view.headline)]
    assert told.told() == []
    assert told.state() == ("answered with HTTP 500", 1, 0)
    assert told.notifier.view("oncall").since > 0
    told.messenger.down.clear()
    told.now += LAST_PAUSE
    await told.second()
    assert [kind for kind, _ in told.told()] == ["started", "completed"]
    assert told.state() == ("", 0, 0)
    assert told.notifier.view("oncall").since == 0
    assert "channel:oncall" in told.heard


async def test_each_failure_puts_the_next_try_off_twice_as_long(told: Told) -> None:
    told.messenger.down["oncall"] = "no"
    await told.ask("start")
    tries = []
    for _ in range(1200):
        before = told.messenger.asked
        told.now += 1.0
        await asyncio.gather(*told.notifier.turn())
        if told.messenger.asked > before:
            tries.append(told.now)
    gaps = [round(b - a) for a, b in pairwise(tries)]
    assert gaps[:4] == [FIRST_PAUSE * 2**n for n in range(4)]
    assert max(gaps) == LAST_PAUSE


async def test_what_was_sent_before_a_crash_but_not_written_down_is_sent_again_with_the_same_id(told: Told) -> None:
    await told.ask("start")
    await told.second()
    told.states.put_cursor("oncall", "shop-v2", 0)  # as if the process had died between the two
    told.restart()
    await told.second()
    first, again = (notice for name, notice in told.messenger.taken if name == "oncall")
    assert first == again


async def test_a_restarted_server_goes_on_where_the_last_one_was(told: Told) -> None:
    await told.ask("start")
    await told.second()
    told.restart()
    await told.ask("abort")
    await told.second()
    assert [kind for kind, _ in told.told()] == ["started", "aborted"]


async def test_a_new_channel_hears_nothing_old(told: Told) -> None:
    await told.ask("start")
    await told.second()
    await told.apply(FILE + CHANNELS + '  late: {url: "http://h/z", on: [started, aborted]}\n')
    await told.second()
    assert told.told("late") == []
    await told.ask("abort")
    await told.second()
    assert [kind for kind, _ in told.told("late")] == ["aborted"]


async def test_the_news_of_the_day_before_are_given_up_and_counted(told: Told) -> None:
    told.messenger.down["oncall"] = "no"
    await told.ask("start")
    await told.second()
    told.messenger.down.clear()
    told.now += GIVE_UP + 10
    await told.ask("abort")
    await asyncio.gather(*told.notifier.turn())
    assert [kind for kind, _ in told.told()] == ["aborted"]
    assert told.state() == ("", 0, 1)


async def test_a_channel_that_was_mended_in_the_file_is_tried_at_once(told: Told) -> None:
    told.messenger.down["oncall"] = "no"
    await told.ask("start")
    await told.second()
    told.messenger.down.clear()
    await told.second()
    assert told.told() == []
    await told.apply(FILE + CHANNELS.replace("http://h/x", "http://h/mended"))
    await told.second()
    assert [kind for kind, _ in told.told()] == ["started"]


async def test_a_test_is_sent_at_once_and_says_so(told: Told) -> None:
    view = await told.notifier.test("team", "ann")
    assert told.told("team") == [
        ("test", "this is a test of the channel team, sent by ann: nothing has happened"),
    ]
    assert (view.failing, view.told_at) == ("", told.now)
    told.messenger.down["team"] = "no"
    assert (await told.notifier.test("team", "ann")).failing == "no"
    told.messenger.down.clear()
    await told.ask("start")
    await told.until(lambda v: v.state.phase is Phase.COMPLETED, seconds=300)
    assert [kind for kind, _ in told.told("team")] == ["test", "completed"]
    with pytest.raises(NotFound, match=r"'nobody'; there are: oncall, team"):
        await told.notifier.test("nobody", "ann")


async def test_a_store_that_cannot_be_read_loses_nothing(told: Told) -> None:
    await told.ask("start")
    told.states.broken = True
    told.now += 1.0
    await asyncio.gather(*told.notifier.turn())
    assert told.told() == []
    told.states.broken = False
    told.now += FIRST_PAUSE
    await told.second()
    assert [kind for kind, _ in told.told()] == ["started"]


async def test_the_plan_names_channels(told: Told) -> None:
    plan = await told.apply(FILE + CHANNELS.replace("  team:", "  crew:"))
    found = {(c.name, c.action, c.detail) for c in plan.changes if c.kind == "channel"}
    assert found == {("oncall", "same", ""), ("crew", "add", ""), ("team", "remove", "nobody is told any more")}
    assert [c.name for c in told.states.settings().channels] == ["oncall", "crew"]
