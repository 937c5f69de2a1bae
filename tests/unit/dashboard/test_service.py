"""The page of a service, and the list of all."""

import re
from collections.abc import Callable
from dataclasses import replace

import httpx2

from dashboard_twin import scenes, services
from dashboard_twin.control import ScriptedControl
from fader.dashboard.overview import SILENT
from fader.dashboard.service import DRAWN, endpoints, pictures, version_lines
from fader.model.report import EndpointHealth, GatewayReport

Made = Callable[[ScriptedControl], httpx2.AsyncClient]


def report(gateway: str, at: float, *said: tuple[str, bool]) -> GatewayReport:
    health = tuple(EndpointHealth("shop", "v1", a, ok, "" if ok else "connection refused") for a, ok in said)
    return GatewayReport(gateway, at, 1, at, 1, at, endpoints=health)


def test_an_endpoint_answers_when_every_gateway_says_so(now: float) -> None:
    v1 = services.service().version("v1")
    one = report("one", now, ("a:1", True), ("b:1", True))
    two = report("two", now, ("a:1", True), ("b:1", False))
    a, b = endpoints("shop", v1, (one, two), now)
    assert (a.address, a.healthy, a.why) == ("a:1", True, "")
    assert (b.address, b.healthy, b.why) == ("b:1", False, "two: connection refused")


def test_an_endpoint_is_unknown_when_no_gateway_has_reported_lately(now: float) -> None:
    v1 = services.service().version("v1")
    for reports in ((), (report("one", now - SILENT - 1, ("a:1", True)),)):
        [found] = endpoints("shop", v1, reports, now)
        assert (found.address, found.healthy) == ("127.0.0.1:9000", None)


def test_the_baseline_comes_first_then_the_candidate(now: float) -> None:
    view = replace(services.shop(now), baseline="v2", candidate="v3")
    lines = version_lines(view, (), now)
    assert [(line.version.name, line.arm) for line in lines] == [("v2", "base"), ("v3", "cand"), ("v1", "other")]
    assert lines[1].rate == 0.0
    assert lines[1].failed is None
    assert lines[0].half is not None
    assert lines[0].most is not None
    assert 60 < lines[0].half < lines[0].most < 1000


def test_what_nobody_counted_is_not_zero(now: float) -> None:
    for line in version_lines(services.quiet(now), (), now):
        assert (line.rate, line.failed, line.half, line.most) == (None, None, None, None)


def test_of_many_versions_the_busiest_are_drawn(now: float) -> None:
    drawn = pictures(services.extreme(now), now)
    assert len(drawn.lines) == len(drawn.heats) == DRAWN
    assert [line.arm for line in drawn.lines] == ["base", "cand", "other", "other"]


def test_the_table_behind_holds_every_request(now: float) -> None:
    view = services.shop(now)
    drawn = pictures(view, now)
    v1 = drawn.versions.index("v1")
    told = sum(row.cells[v1].requests or 0 for row in drawn.table)
    slots = [s for s in view.traffic[0].slots if s.at >= drawn.frame.since]
    assert told == sum(s.requests for s in slots)
    assert [row.at for row in drawn.table] == sorted((row.at for row in drawn.table), reverse=True)


async def test_the_page_has_versions_traffic_and_rollouts(client: Made, now: float) -> None:
    control = ScriptedControl(*scenes.everything(now), gateways=scenes.gateways(now), services=services.everything(now))
    async with client(control) as http:
        page = (await http.get("/services/shop")).text
        every = (await http.get("/services")).text
        gone = await http.get("/services/nothing")
    assert 'data-live="/services/shop/live"' in page
    assert len(re.findall('<tr data-key="v[123]">', page)) == 3
    assert "baseline now" in page
    assert "127.0.0.1:9002" in page
    assert 'href="/rollouts/shop-v1-8"' in page
    assert "recommend-v12" not in page
    for name in ("shop", "mail", "search"):
        assert f'href="/services/{name}"' in every
    assert gone.status_code == 404
    assert "shop, mail, search" in gone.text


async def test_a_service_without_numbers_says_so(client: Made, now: float) -> None:
    async with client(ScriptedControl(services=services.everything(now))) as http:
        page = (await http.get("/services/mail")).text
        assert "No gateway has counted anything here yet" in page
        assert "This service has had no rollout" in page
    async with client(ScriptedControl()) as http:
        assert "There is no service yet" in (await http.get("/services")).text
