"""A rollout of a flag over an app that knows the header alone: `fader up`, a real Envoy, and harm that is pulled."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from fader.assign.bucket import chosen
from fader.model.share import Interval

from .up import Fader, fader_up, free_port, until

pytestmark = pytest.mark.slow

FILE = """
services:
  web:
    listen: 127.0.0.1:PORT
    unit: [{header: x-user-id}]
    versions: {v1: "http://127.0.0.1:APP"}
    baseline: v1
    exclude: [{path: /healthz}]
    flags: [checkout]
    exposures: gateway
flags:
  checkout: {rules: [{variant: on, when: 'unit == "ann"'}]}
rollouts:
  new-form:
    flag: checkout
    service: web
    candidate: on
    stages: [{share: 20%, bake: 1h}, 100%]
    bake: 1h
    guardrails: {errors: {tolerate: 5pp}}
"""
UNITS = [f"user-{n}" for n in range(300)]


class App(BaseHTTPRequestHandler):
    """Of those who have the new form, whose id ends in an even number meets an error."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one packet an answer
    gave: ClassVar[set[str]] = set()

    def do_GET(self) -> None:
        new = self.headers.get("x-fader-flags") == "checkout=on"
        fails = new and self.headers["x-user-id"][-1] in "02468"
        if new:
            self.gave.add(self.headers["x-user-id"])
        body = b"new" if new else b"old"
        self.send_response(500 if fails else 200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def app() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), App) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def ask(port: int, *units: str, path: str = "/") -> list[str]:
    """What each of them got."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        found = []
        for unit in units:
            connection.request("GET", path, headers={"x-user-id": unit})
            found.append(connection.getresponse().read().decode())
    return found


def view(fader: Fader) -> Any:
    return fader.get("/v1/rollouts/new-form")


def test_harm_is_pulled_of_an_app_that_knows_the_header_alone(app: int, tmp_path: Path) -> None:
    port = free_port()
    text = FILE.replace("PORT", str(port)).replace("APP", str(app))
    with fader_up(tmp_path, text) as fader:
        assert set(ask(port, *UNITS)) == {"old"}
        assert fader.post("/v1/rollouts/new-form/start", {})[0] == 200

        def stage() -> bool:
            ask(port, *UNITS)
            return bool(view(fader)["state"]["stage"] == 0)

        until(stage, fader.log)
        ask(port, *UNITS, path="/healthz")
        ask(port, "ann")

        def ended() -> bool:
            ask(port, *UNITS)
            return bool(view(fader)["state"]["phase"] == "rolled_back")

        until(ended, fader.log)
        until(lambda: set(ask(port, *UNITS)) == {"old"}, fader.log)
        assert ask(port, "ann") == ["new"]
        time.sleep(2.0)
        found = view(fader)
    drawn = {unit for unit in UNITS if chosen(unit, "checkout/new-form", Interval(0, 200_000))}
    assert App.gave - {"ann"} <= drawn
    assert 0 < found["units_harmed"] < found["units_exposed"] <= len(App.gave - {"ann"})
    assert "errors rose" in found["headline"] or "new error" in found["headline"]
