"""The how-to of flags in a header, done as it is written: a real server, a real Envoy, the app of the page."""

from __future__ import annotations

import asyncio
import re
import shlex
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from tests.integration.gateway.envoy import free_port, gateway
from tests.integration.gateway.http import connect

from fader.assign.evaluate import Flags
from fader.cli.entry import run
from fader.gateway.control_plane import HttpControlPlane
from fader.schema import load_document

if TYPE_CHECKING:
    from conftest import Server

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "flags-without-an-sdk.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@contextmanager
def serving(app: Any) -> Iterator[int]:
    with make_server("127.0.0.1", 0, app, handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


async def test_flags_without_an_sdk(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FADER_SERVER", server.url)
    monkeypatch.setenv("FADER_TOKEN", "operator")
    (yaml, choosing, judged), (code,), (start, curl, switch, ask, steps) = map(blocks, ("yaml", "python", "sh"))
    names: dict[str, Any] = {}
    exec(code, names)
    port = free_port()

    async def fader(line: str) -> str:
        assert await asyncio.to_thread(run, shlex.split(line)[1:]) == 0
        return capsys.readouterr().out

    with serving(names["app"]) as app:
        Path("fader.yaml").write_text(yaml.replace(":9001", f":{app}").replace(":8080", f":{port}"))
        plan, up = start.splitlines()
        assert "flags checkout" in await fader(plan)
        assert up.startswith("fader up")
        await fader("fader apply -f fader.yaml")
        Path("token").write_text("gateway")
        control = HttpControlPlane(server.url, Path("token"), "g")
        held = await control.ruleset(-1, 0)
        assert held is not None
        async with gateway(held) as running, connect(port) as client:

            async def seen(unit: str) -> str:
                return (await client.send("GET", "/", [("x-user-id", unit)])).body.decode()

            _, _, header, _ = shlex.split(curl)
            assert (await seen(header.removeprefix("x-user-id: "))).startswith("new checkout, banner ")
            document = load_document(yaml, "fader.yaml")
            flags = Flags(document.flags, document.segments)
            for unit in ("bob", "carol", *(f"u{n}" for n in range(40))):
                checkout, banner = (flags.evaluate(name, unit, {}).variant for name in ("checkout", "banner"))
                expected = f"{'new' if checkout == 'on' else 'old'} checkout, banner {banner}\n"
                assert await seen(unit) == expected
            assert await fader(switch) == "checkout is off: everybody gets off\n"
            newer = await control.ruleset(held.version, 5)
            assert newer is not None
            assert await running.apply(newer) == ["rtds"]
            assert (await seen("ann")).startswith("old checkout, banner ")
            Path("fader.yaml").write_text(choosing.replace(":9001", f":{app}").replace(":8080", f":{port}"))
            await fader("fader apply -f fader.yaml")
            await fader("fader flag on checkout")
            newest = await control.ruleset(newer.version, 5)
            assert newest is not None
            await running.apply(newest)
            *headers, address = shlex.split(ask)[1:]
            asked = [(name, value) for name, _, value in (h.partition(": ") for h in headers if h != "-H")]
            path = address.removeprefix("http://127.0.0.1:8080")
            assert (await client.send("GET", path, asked)).body == b"new checkout, banner green\n"
            assert (await client.send("GET", "/shop", asked[:1])).body == b"old checkout, banner none\n"
            german = [*asked[:1], ("x-country", "DE")]
            assert (await client.send("GET", "/shop", german)).body == b"old checkout, banner none\n"
            Path("fader.yaml").write_text(judged.replace(":9001", f":{app}").replace(":8080", f":{port}"))
            for step in steps.splitlines():
                await fader(step)
            moving = await control.ruleset(newest.version, 5)
            assert moving is not None
            await running.apply(moving)
            for unit in ("user-1", "bob"):
                await seen(unit)
            (*_, plain, tester) = await running.lines(49)
            assert (plain["u"], plain["x"]) == ("user-1", "new-checkout=off:denied")
            assert (tester["u"], tester["x"]) == ("bob", "new-checkout=on:allowed")
        await control.close()


def test_the_app_takes_what_is_missing_or_unknown_for_its_default() -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    assert names["variants"]("") == {}
    assert names["variants"]("checkout=,banner=green") == {"banner": "green"}
