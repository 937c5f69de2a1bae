"""The SDK's client against a real server over HTTP: a switch, a server that goes away and comes back."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fader.sdk import Client

if TYPE_CHECKING:
    from conftest import Server, Until

PATIENCE = 20.0
FILE = """\
flags:
  checkout: {rules: [{variant: on, when: country == "US"}]}
"""


def test_a_switch_reaches_the_client_and_an_outage_does_not(server: Server, until: Until, tmp_path: Path) -> None:
    server.ask("/v1/apply", {"text": FILE})
    us = {"country": "US"}
    with Client(server.url, "server-key", cache=tmp_path / "cache.json") as client:
        assert client.ready(PATIENCE)
        assert client.boolean("checkout", False, "ann", us)
        server.ask("/v1/flags/checkout/off", {"reason": "test"})
        until(lambda: not client.boolean("checkout", True, "ann", us))
        server.ask("/v1/flags/checkout/on", {})
        until(lambda: client.boolean("checkout", False, "ann", us))
        server.stop()
        assert client.boolean("checkout", False, "ann", us)
        with Client(server.url, "server-key", cache=tmp_path / "cache.json") as late:
            assert late.boolean("checkout", False, "ann", us)
            server.start()
            server.ask("/v1/flags/checkout/off", {"reason": "test"})
            until(lambda: not client.boolean("checkout", True, "ann", us))
            until(lambda: not late.boolean("checkout", True, "ann", us))


def test_changes_come_by_a_stream_and_none_is_missed_while_it_is_cut(server: Server, until: Until) -> None:
    server.ask("/v1/apply", {"text": FILE})
    us = {"country": "US"}
    with Client(server.url, "server-key") as client:
        assert client.ready(PATIENCE)
        assert server.requests("/v1/sdk/ruleset") == 0
        for turn in range(20):
            cut = client._source._socket
            command = "on" if turn % 2 else "off"
            if turn % 3 == 0:
                cut.shutdown(socket.SHUT_RDWR)
            server.ask(f"/v1/flags/checkout/{command}", {})
            until(lambda wanted=command == "on": client.boolean("checkout", not wanted, "ann", us) is wanted)
        assert server.requests("/v1/sdk/ruleset") == 0
        assert server.requests("/v1/sdk/stream") == 1 + 7


def test_what_was_evaluated_is_counted_and_told(server: Server) -> None:
    server.ask("/v1/apply", {"text": FILE})
    us = {"country": "US"}
    with Client(server.url, "server-key") as client:
        assert client.ready(PATIENCE)
        for number in range(30):
            assert client.boolean("checkout", False, f"user-{number}", us if number < 10 else {}) is (number < 10)
    server.stop()
    server.start()
    [flag] = server.get("/v1/flags")["flags"]
    assert [(g["variant"], g["today"]) for g in flag["given"]] == [("off", 20), ("on", 10)]


def test_a_wrong_key_is_said_and_raises_nothing(server: Server, until: Until, caplog: pytest.LogCaptureFixture) -> None:
    with Client(server.url, "client-key") as client:
        until(lambda: "does not accept the key" in caplog.text)
        assert client.boolean("checkout", True)
        assert not client.ready(0.0)
