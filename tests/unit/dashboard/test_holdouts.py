"""The page of a holdout, and what the page of experiments says of holdouts."""

from collections.abc import Callable
from dataclasses import replace

import httpx2
import pytest

from dashboard_twin import holdouts, scenes
from dashboard_twin.control import ScriptedControl
from fader.dashboard.holdouts import card
from fader.model.holdout import HoldoutView

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


def holding(*views: HoldoutView) -> ScriptedControl:
    control = ScriptedControl()
    control.holding = views
    return control


async def test_the_page_has_both_arms_and_each_metric_with_its_interval(client: Made, now: float) -> None:
    view = holdouts.usual(now)
    async with client(holding(view)) as http:
        text = (await http.get("/holdouts/q4")).text
    assert view.headline in text
    for words in ("13,010", "247,400", "5\N{NARROW NO-BREAK SPACE}% of those seen"):
        assert words in text
    made = card(view)
    for line in made.lines:
        if line.read.reading.verdict == "unknown":
            assert line.read.reading.missing in text
        else:
            assert line.interval in text
            assert line.read.sentence in text
            assert line.others in text
            assert line.held in text
    assert [line.verdict for line in made.lines] == [
        "better", "no difference that matters", "worse", "undecided", "unknown", "unknown",
    ]  # fmt: skip


def test_of_a_quantile_only_the_share_above_what_it_was_is_known(now: float) -> None:
    line = card(holdouts.usual(now)).lines[3]
    assert (line.others, line.held, line.relative) == ("", "", "")
    assert line.effect.endswith("pp")


def test_a_metric_that_is_measured_later_than_the_holdout_is_marked(now: float) -> None:
    assert [line.late for line in card(holdouts.usual(now)).lines] == [False, False, False, False, True, False]


async def test_the_page_of_experiments_has_them_all(client: Made, now: float) -> None:
    control = holding(holdouts.usual(now), holdouts.ended(now))
    async with client(control) as http:
        text = (await http.get("/experiments")).text
    assert text.index('href="/holdouts/q4"') < text.index('href="/holdouts/search"')
    assert "of users, of ranking, suggest, filters" in text
    assert "ended" in text.split('aria-label="Holdout search"')[1]


async def test_one_that_began_just_now_says_so(client: Made, now: float) -> None:
    async with client(holding(holdouts.fresh(now))) as http:
        text = (await http.get("/holdouts/q1")).text
    assert "for 20 s now: no user was seen yet." in text
    assert "It is read on no metric" in text


async def test_a_slice_that_is_not_its_share_is_said_where_it_shows(client: Made, now: float) -> None:
    async with client(holding(holdouts.mismatched(now))) as http:
        text = (await http.get(f"/holdouts/{scenes.LONG}")).text
    assert "of those seen; that is not their share" in text
    assert "no difference can be trusted" in text


async def test_it_is_kept_live(now: float) -> None:
    from fader.clock import system_clock
    from fader.dashboard.holdouts import Holdouts
    from fader.dashboard.templating import Templates

    control = holding(holdouts.usual(now))
    page = Holdouts(control, Templates(), system_clock)
    first = await page.snapshot("q4")
    control.holding = (replace(holdouts.usual(now), held=13_011),)
    assert "13,011" in (await page.snapshot("q4")).regions["holdout"]
    assert "13,011" not in first.regions["holdout"]


@pytest.mark.parametrize("address", ["/holdouts/q9", "/holdouts/q9/live"])
async def test_one_that_is_not_there_is_a_page_of_its_own(client: Made, now: float, address: str) -> None:
    async with client(holding(holdouts.usual(now))) as http:
        answer = await http.get(address)
    assert answer.status_code == 404
    assert "q9" in answer.text
