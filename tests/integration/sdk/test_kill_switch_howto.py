"""The how-to of the kill switch, done as it is written, against a real server."""

from __future__ import annotations

import http.client
import json
import re
import shlex
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from fader.cli.entry import run
from fader.sdk import Client

if TYPE_CHECKING:
    from conftest import Server, Until

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "kill-switch.md").read_text()
PATIENCE = 20.0


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def curl(line: str, server: Server, token: str) -> tuple[int, Any]:
    """The request of the page."""
    _, address, *options = shlex.split(line.replace("$(cat fader-data/token)", token))
    headers = dict(word.split(": ", 1) for option, word in pairwise(options) if option == "-H")
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    try:
        connection.request("POST", urlsplit(address).path, options[options.index("-d") + 1], headers)
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_the_kill_switch(
    server: Server,
    until: Until,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("FADER_SERVER", server.url)
    monkeypatch.setenv("FADER_TOKEN", "operator")
    (yaml,), (ask,), (off, request, history, on) = blocks("yaml"), blocks("python"), blocks("sh")
    server.ask("/v1/apply", {"text": yaml})

    def fader(line: str) -> str:
        assert run(shlex.split(line)[1:]) == 0
        return capsys.readouterr().out

    def cards() -> dict[str, bool]:
        return {unit: flags.boolean("gift-cards", False, unit) for unit in map(str, range(50))}

    with Client(server.url, "server-key") as flags:
        assert flags.ready(PATIENCE)
        before = cards()
        assert set(before.values()) == {True, False}
        assert fader(off) == "new-checkout is off: everybody gets old\n"
        until(lambda: flags.evaluate("new-checkout", "-", "ann").reason == "DISABLED")
        exec(ask, {"flags": flags})
        assert capsys.readouterr().out.strip() in PAGE
        assert set(cards().values()) == {False}
        server.ask("/v1/apply", {"text": yaml})
        assert "is on" in fader(on)
        until(lambda: flags.evaluate("new-checkout", "-", "ann").reason == "SPLIT")
        assert cards() == before
        for wrong in ("server-key", "client-key", "gateway", "events"):
            assert curl(request, server, wrong)[0] == 401
        status, standing = curl(request, server, "operator")
        assert (status, standing["flag"]["enabled"]) == (200, False)
        until(lambda: flags.evaluate("new-checkout", "-", "ann").reason == "DISABLED")
    switches = {s["flag"]["name"]: s["switches"] for s in json.loads(fader(history))["flags"]}["new-checkout"]
    told = sorted((s["at"], s["enabled"], s["reason"]) for s in switches)
    assert [(enabled, reason) for _, enabled, reason in told] == [
        (False, "orders fail"),
        (True, "fixed in 4.2"),
        (False, "orders fail"),
    ]
    assert "pager" in {s["actor"] for s in switches}
