import re
from dataclasses import replace

import pytest

from dashboard_twin import scenes
from dashboard_twin.control import ScriptedControl
from fader.dashboard.overview import PAGE, SHOWN, Asked, Group, Overview, asked, grouped, lines, parts
from fader.dashboard.templating import Templates
from fader.model.report import GatewayReport
from fader.model.state import Phase
from fader.model.verdict import Verdict


def test_what_needs_a_person_stands_on_top(now: float) -> None:
    views = [s.view for s in scenes.everything(now)]
    groups = grouped(views, now)
    assert list(groups) == [Group.PERSON, Group.MOVING, Group.WAITING, Group.ENDED]
    assert {view.name for view in groups[Group.PERSON]} == {
        "recommend-v12",
        "checkout-v7",
        "basket-v4",
        "basket-v9",
    }
    assert {view.name for view in groups[Group.MOVING]} == {"shop-v2", "search-v3", "shop-v3"}
    assert sum(map(len, groups.values())) == len(views)


def test_what_fader_stopped_comes_before_what_waits_for_a_word(now: float) -> None:
    scene = scenes.ramping(now, "paused-one").view
    paused = replace(scene, state=replace(scene.state, phase=Phase.PAUSED), needs_person="resume or abort")
    views = [paused, *(s.view for s in scenes.everything(now))]
    urgent = [v.name for v in grouped(views, now)[Group.PERSON]]
    assert urgent == ["recommend-v12", "basket-v9", "checkout-v7", "basket-v4", "paused-one"]


def test_a_group_that_is_too_long_is_cut_and_leads_to_its_own_pages(now: float) -> None:
    views = [scenes.completed(now - 60 * i, f"old-{i:03}").view for i in range(PAGE + 7)]
    groups = grouped(views, now)
    [part] = parts(groups, Asked(text="old"))
    assert (part.total, len(part.shown), part.more) == (PAGE + 7, SHOWN[Group.ENDED], "/?q=old&group=ended")
    first, second, third = (parts(groups, Asked(group=Group.ENDED, page=p))[0].shown for p in (1, 2, 3))
    assert [v.name for v in (*first, *second)] == [v.name for v in views]
    assert (len(first), len(second), len(third)) == (PAGE, 7, 0)
    assert parts(groups, Asked(group=Group.PERSON)) == ()


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ({}, Asked()),
        ({"q": " shop ", "group": "moving", "page": "3"}, Asked("shop", Group.MOVING, 3)),
        ({"group": "nonsense", "page": "-1"}, Asked()),
        ({"page": "99999999999999999999"}, Asked()),
    ],
)
def test_what_an_address_asks_for(query: dict[str, str], wanted: Asked) -> None:
    assert asked(query) == wanted


def test_a_pulled_rollout_of_last_week_has_ended(now: float) -> None:
    view = scenes.rolled_back(now - 7 * 86_400).view
    assert list(grouped([view], now)) == [Group.ENDED]
    assert list(grouped([replace(view, needs_person="Somebody must look.")], now)) == [Group.PERSON]


def test_no_rollouts_are_no_groups(now: float) -> None:
    assert grouped([], now) == {}


def test_a_gateway_with_trouble_comes_first_and_a_silent_one_is_trouble(now: float) -> None:
    reports = (*scenes.gateways(now), GatewayReport("edge-0", now - 60, 1, now - 90, 3, now - 80))
    shown = lines(reports, now)
    assert [g.report.gateway for g in shown] == ["edge-0", "edge-2", "edge-3", "edge-1"]
    assert [g.silent for g in shown] == [True, False, False, False]
    assert shown[2].down == ("search v2 at 10.0.4.17:9002: connection refused",)


async def test_of_many_verdicts_a_row_shows_the_worst(now: float) -> None:
    scene = scenes.loaded(now)
    *calm, last = scene.view.judgements
    judged = (*calm, replace(last, verdict=Verdict.HARMFUL))
    control = ScriptedControl(replace(scene, view=replace(scene.view, judgements=judged)))
    html = (await Overview(control, Templates(), lambda: now).snapshot({})).regions["rollouts"]
    assert html.index("v-harmful") < html.index("v-undecided") < html.index("and 14 more")


async def test_a_row_says_what_comes_next_and_whom_the_candidate_hurt(now: float) -> None:
    control = ScriptedControl(scenes.ramping(now), scenes.rolled_back(now), scenes.pending(now), scenes.awaiting(now))
    html = (await Overview(control, Templates(), lambda: now).snapshot({})).regions["rollouts"]
    rows = dict(re.findall(r'<li class="row" data-key="([^"]+)">(.*?)</li>', html, re.DOTALL))
    assert re.search(r"then 50\u202f%, not before <time", rows["shop-v2"])
    assert "then 25\u202f% when a person approves" in rows["basket-v4"]
    assert "≤\u202f41 by it" in rows["shop-v2"]
    assert 'title="12 to 19 of them by v2">12–19 by it' in rows["checkout-v7"]
    assert not any("row-next" in rows[ended] for ended in ("checkout-v7", "mail-v2"))
    assert "by it" not in rows["mail-v2"]
