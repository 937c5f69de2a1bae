from __future__ import annotations

import json
from typing import Any

from fader.gateway.health import HealthWatch
from fader.gateway.probe import SILENT, connect


class Probe:
    def __init__(self) -> None:
        self.answers: dict[int, str] = {}
        self.asked: list[int] = []

    async def __call__(self, host: str, port: int) -> str:
        self.asked.append(port)
        return self.answers.get(port, "")


def host(port: int, *, active: int = 0, failed: int = 0, **health: bool) -> dict[str, Any]:
    return {
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": port}},
        "stats": [
            # Envoy leaves a value of zero out, and writes others as text.
            {"name": "cx_active", "type": "GAUGE", **({"value": str(active)} if active else {})},
            {"name": "cx_connect_fail", **({"value": str(failed)} if failed else {})},
        ],
        "health_status": {"eds_health_status": "HEALTHY", **health},
    }


def clusters(*hosts: dict[str, Any]) -> str:
    other = {"name": "assigned/shop/v2", "host_statuses": [host(1)]}
    return json.dumps({"cluster_statuses": [{"name": "version/shop/v2", "host_statuses": list(hosts)}, other]})


async def look(watch: HealthWatch, *hosts: dict[str, Any]) -> dict[str, tuple[bool, str]]:
    found = await watch.look(clusters(*hosts))
    assert {(e.service, e.version) for e in found} == {("shop", "v2")}
    return {e.address: (e.healthy, e.reason) for e in found}


async def test_an_endpoint_without_connections_is_asked() -> None:
    probe = Probe()
    probe.answers = {9002: "connection refused"}
    found = await look(HealthWatch(probe), host(9001), host(9002))
    assert found == {"127.0.0.1:9001": (True, ""), "127.0.0.1:9002": (False, "connection refused")}


async def test_an_endpoint_with_connections_is_left_alone() -> None:
    probe = Probe()
    await look(HealthWatch(probe), host(9001, active=3))
    assert probe.asked == []


async def test_a_new_failure_to_connect_is_looked_into_once() -> None:
    probe = Probe()
    watch = HealthWatch(probe)
    for failed, asked in ((0, 0), (2, 1), (2, 1), (3, 2)):
        await look(watch, host(9001, active=3, failed=failed))
        assert len(probe.asked) == asked


async def test_what_envoy_says_stands() -> None:
    probe = Probe()
    found = await look(HealthWatch(probe), host(9001, failed_outlier_check=True), host(9002, active=1))
    assert [healthy for healthy, _ in found.values()] == [False, True]
    assert probe.asked == []


async def test_one_silence_is_forgiven_and_two_are_not() -> None:
    probe = Probe()
    watch = HealthWatch(probe)
    seen = []
    for answer in (SILENT, SILENT, "", SILENT):
        probe.answers = {9001: answer}
        seen.append((await look(watch, host(9001)))["127.0.0.1:9001"][0])
    assert seen == [True, False, True, True]


async def test_nobody_listening_is_refused() -> None:
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        assert await connect("127.0.0.1", sock.getsockname()[1]) == "connection refused"
        sock.listen()
        assert await connect("127.0.0.1", sock.getsockname()[1]) == ""
