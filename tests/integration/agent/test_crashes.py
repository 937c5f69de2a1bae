"""kill -9 of Envoy, of the agent, of both: users are served on, by one Envoy."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys

import pytest

from .conftest import Visitor
from .control import ControlPlane, free_port
from .gateway import Gateway, lives, until
from .shop import EVERYBODY, Shop

pytestmark = pytest.mark.slow


async def test_a_killed_envoy_is_started_again(plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v2")
    for _ in range(2):
        before = gw.envoy
        os.kill(before, signal.SIGKILL)
        await until(lambda was=before: gw.envoy != was, "another Envoy", patience=10)
        await visitor.until(store.url, "v2")
    await until(lambda: plane.reports[-1].envoy_pid == gw.envoy and not plane.reports[-1].error, "the new one reported")
    # And it is still the agent's: a change reaches it.
    plane.publish(store.ruleset(2, share=0))
    await gw.applied(2)
    await visitor.until(store.url, "v1")


async def test_envoy_outlives_a_killed_agent_and_is_adopted(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    first = gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v2")
    envoy = gw.envoy
    first.kill()
    first.wait(10)
    assert await visitor.get(store.url) == "v2"
    plane.reports.clear()
    second = gw.agent()
    await gw.applied(1)
    assert plane.reports[-1].envoy_pid == envoy
    plane.publish(store.ruleset(2, share=0))
    await gw.applied(2)
    assert await visitor.get(store.url) == "v1"
    # Adopted, it is no child: its death is seen all the same.
    os.kill(envoy, signal.SIGKILL)
    await until(lambda: gw.envoy != envoy, "another Envoy", patience=10)
    await visitor.until(store.url, "v1")
    last = gw.envoy
    assert await gw.stop(second) == 0
    assert not lives(last)


async def test_envoy_is_adopted_without_its_pid_file(plane: ControlPlane, gw: Gateway, store: Shop) -> None:
    plane.publish(store.ruleset(1))
    first = gw.agent()
    await gw.applied(1)
    envoy = gw.envoy
    first.kill()
    first.wait(10)
    (gw.directory / "envoy.pid").unlink()
    plane.reports.clear()
    gw.agent()
    await gw.applied(1)
    assert plane.reports[-1].envoy_pid == envoy == gw.envoy


async def test_agent_and_envoy_killed_together(plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    first = gw.agent()
    await gw.applied(1)
    envoy = gw.envoy
    first.kill()
    os.kill(envoy, signal.SIGKILL)
    first.wait(10)
    await plane.down()
    gw.agent()
    await visitor.until(store.url, "v2")
    assert gw.envoy != envoy


async def test_a_second_agent_is_refused(plane: ControlPlane, gw: Gateway, store: Shop) -> None:
    plane.publish(store.ruleset(1))
    first = gw.agent()
    await gw.applied(1)
    envoy = gw.envoy
    second = gw.agent()
    assert second.wait(30) == 2
    assert f"another agent (process {first.pid})" in gw.log
    assert gw.envoy == envoy
    assert first.poll() is None


async def test_a_lost_supervisor_ends_the_agent_and_not_envoy(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    # A supervisor that starts the agent and then only waits.
    supervisor = subprocess.Popen(
        [sys.executable, "-c", "import subprocess, sys; subprocess.run(sys.argv[1:])", *gw.command()],
        stderr=subprocess.DEVNULL,
    )
    try:
        await gw.applied(1)
        agent, envoy = int((gw.directory / "agent.lock").read_text()), gw.envoy
        assert agent != supervisor.pid
    finally:
        supervisor.kill()
        supervisor.wait(10)
    await until(lambda: not lives(agent), "the agent ends")
    assert gw.envoy == envoy
    assert await visitor.get(store.url) == "v2"


async def test_a_port_in_use_is_said_in_words_and_taken_when_free(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    with socket.create_server(("127.0.0.1", store.listen)):
        plane.publish(store.ruleset(1))
        gw.agent()
        await until(lambda: plane.reports[-1].error, "an error")
        error = plane.reports[-1].error
        assert f"127.0.0.1:{store.listen} is taken" in error
        assert plane.reports[-1].applied_version == 0
    await gw.applied(1)
    await visitor.until(store.url, "v1")


async def test_a_port_in_use_at_a_restart_is_reported_too(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1))
    first = gw.agent()
    await gw.applied(1)
    assert await gw.stop(first) == 0
    with socket.create_server(("127.0.0.1", store.listen)):
        plane.reports.clear()
        gw.agent()
        await until(lambda: f"{store.listen} is taken" in plane.reports[-1].error, "an error")
    await gw.applied(1)
    await visitor.until(store.url, "v1")


async def test_a_refused_listener_is_put_back(plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    first = gw.agent()
    await gw.applied(1)
    files = {path: path.read_bytes() for path in gw.directory.glob("*ds*.json")}
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        taken = stranger.getsockname()[1]
        plane.publish(store.ruleset(2, share=EVERYBODY, also=taken))
        await until(lambda: f"{taken} is taken" in plane.reports[-1].error, "refused")
        assert plane.reports[-1].applied_version == 1
        assert await visitor.get(store.url) == "v2"
        await until(lambda: {p: p.read_bytes() for p in gw.directory.glob("*ds*.json")} == files, "the old files")
        first.kill()
        first.wait(10)
        plane.publish(store.ruleset(3, share=0))
        gw.agent()
        await gw.applied(3)
        assert await visitor.get(store.url) == "v1"


async def test_a_configuration_that_envoy_refuses_is_not_put_in_place(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    agent = gw.agent()
    await gw.applied(1)
    files = {path: path.read_bytes() for path in gw.directory.glob("*ds*.json")}
    # A certificate that is not there passes every check but Envoy's own.
    plane.publish(store.ruleset(2, share=EVERYBODY, also=free_port(), certificate="/nowhere/cert.pem"))
    await until(lambda: plane.reports[-1].error, "refused")
    report = plane.reports[-1]
    assert "/nowhere/cert.pem" in report.error
    assert report.applied_version == 1
    assert {path: path.read_bytes() for path in gw.directory.glob("*ds*.json")} == files
    assert await visitor.get(store.url) == "v2"
    # The refused ruleset lies on disk as the last received; a restart serves the last good one all the same.
    assert await gw.stop(agent) == 0
    plane.reports.clear()
    gw.agent()
    await visitor.until(store.url, "v2")
    await until(lambda: "/nowhere/cert.pem" in plane.reports[-1].error, "still refused")
    assert plane.reports[-1].applied_version == 1


async def test_an_ending_split_is_in_force_even_if_the_rest_is_refused(
    plane: ControlPlane, gw: Gateway, store: Shop, visitor: Visitor
) -> None:
    plane.publish(store.ruleset(1, share=EVERYBODY))
    gw.agent()
    await gw.applied(1)
    await visitor.until(store.url, "v2")
    plane.publish(store.ruleset(2, share=None, also=free_port(), certificate="/nowhere/cert.pem"))
    await until(lambda: plane.reports[-1].error, "refused")
    assert await visitor.get(store.url) == "v1"
