from dataclasses import replace

from dashboard_twin import scenes
from fader.dashboard.overview import Group, grouped, lines
from fader.model.report import GatewayReport


def test_what_needs_a_person_stands_on_top(now: float) -> None:
    views = [s.view for s in scenes.everything(now)]
    groups = grouped(views, now)
    assert list(groups) == [Group.PERSON, Group.MOVING, Group.WAITING, Group.ENDED]
    assert {line.view.name for line in groups[Group.PERSON]} == {
        "recommend-v12",
        "checkout-v7",
        "basket-v4",
        "basket-v9",
    }
    assert {line.view.name for line in groups[Group.MOVING]} == {"shop-v2", "search-v3", "shop-v3"}
    assert sum(map(len, groups.values())) == len(views)


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
