"""The gateway serves, whatever else is gone."""

from __future__ import annotations

import pytest

from .conftest import Visitor
from .control import ControlPlane
from .gateway import Gateway, until
from .shop import EVERYBODY, Shop

pytestmark = pytest.mark.slow


async def test_a_ruleset_is_served_and_reported(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1))
    gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v1")
    await until(lambda: plane.reports[-1].endpoints, "endpoints reported")
    report = plane.reports[-1]
    assert report.gateway == "g1"
    assert report.envoy_pid == gw.envoy
    assert {(e.version, e.healthy) for e in report.endpoints} == {("v1", True), ("v2", True)}


async def test_shares_reach_envoy_by_runtime_alone(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=0))
    gw.agent()
    await gw.applied(1)
    others = {path: path.stat().st_mtime_ns for path in gw.directory.glob("*ds*.json") if path.name != "rtds.json"}
    assert others
    plane.publish(store.ruleset(2, share=EVERYBODY))
    await gw.applied(2)
    await visitor.until(store.url, "v2")
    assert {path: path.stat().st_mtime_ns for path in others} == others


async def test_serves_from_disk_with_the_server_gone(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    first = gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v2")
    assert await gw.stop(first) == 0
    await plane.down()
    gw.agent()
    await visitor.until(store.url, "v2")
    plane.publish(store.ruleset(2, share=0))
    await plane.up()
    await gw.applied(2)
    await visitor.until(store.url, "v1")


async def test_a_stored_ruleset_that_cannot_be_read_does_not_stop_the_service(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    first = gw.agent()
    await gw.applied(1)
    assert await gw.stop(first) == 0
    await plane.down()
    (gw.directory / "ruleset.json").write_text('{"version": 1, "serv')
    gw.agent()
    await visitor.until(store.url, "v2")
    await plane.up()
    await gw.applied(1)


async def test_a_changed_token_is_read_again(plane: ControlPlane, gw: Gateway, store: Shop) -> None:
    plane.publish(store.ruleset(1))
    gw.agent()
    await gw.applied(1)
    plane.token = "another"
    gw.token_file.write_text("another")
    plane.publish(store.ruleset(2, share=0))
    await gw.applied(2)
    assert "another" not in gw.log
    assert "gateway-token-for-tests" not in gw.log
