"""OpenFeature's own JavaScript SDKs, for servers and for the web, with their providers, against `fader up`."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from .npm import node_modules
from .questions import QUESTIONS, TEXT, US, Question, drawn
from .up import Fader, fader_up

pytestmark = pytest.mark.slow

PACKAGES = (
    "@openfeature/server-sdk@1.23.0",
    "@openfeature/ofrep-provider@0.1.3",
    "@openfeature/web-sdk@1.10.0",
    "@openfeature/ofrep-web-provider@0.4.3",
)
STREAMS = ("--experimental-eventsource", "--no-warnings")
#: Seconds that one app may take.
PATIENCE = 120.0
#: Milliseconds between two questions of the web's provider.
EVERY = 100


@pytest.fixture(scope="module")
def modules() -> Path:
    return node_modules(*PACKAGES)


@pytest.fixture(scope="module")
def fader(modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fader]:
    with fader_up(tmp_path_factory.mktemp("up"), TEXT) as running:
        yield running


class App:
    """app.mjs, which does what it is told."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def do(self, order: str, **more: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"order": order, **more}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, self._process.communicate()[1]
        answer: dict[str, Any] = json.loads(line)
        return answer

    def who(self, unit: str, **attributes: Any) -> None:
        self.do("context", context={"targetingKey": unit, **attributes})

    def check(self, question: Question) -> None:
        found = self.do("ask", kind=question.kind, flag=question.flag, preset=question.default)
        assert [found.get(key) for key in ("value", "variant", "reason", "errorCode")] == [
            question.value,
            question.variant,
            question.reason,
            question.error,
        ], question


@contextmanager
def app(kind: str, modules: Path, folder: Path, *options: str) -> Iterator[App]:
    (folder / "app.mjs").write_bytes((Path(__file__).parent / "app.mjs").read_bytes())
    (folder / "node_modules").symlink_to(modules)
    pipe = subprocess.PIPE
    command = ["node", *options, "app.mjs", kind]
    process = subprocess.Popen(command, cwd=folder, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    patience = Timer(PATIENCE, process.kill)  # an answer that never comes is the end of the test
    patience.start()
    try:
        yield App(process)
    finally:
        patience.cancel()
        process.kill()
        process.communicate()


@pytest.mark.parametrize("kind", ["server", "web"])
def test_kinds_reasons_codes_and_targeting(kind: str, fader: Fader, modules: Path, tmp_path: Path) -> None:
    with app(kind, modules, tmp_path) as client:
        client.who("nobody-yet")
        provided = client.do("provide", url=fader.url, key=fader.key("client-key"), every=0)
        assert provided == {"status": "READY"}
        for question in (*QUESTIONS, *drawn()):
            client.who(question.unit, **question.attributes)
            client.check(question)
        plain = client.do("ask", kind="boolean", flag="plain", preset=False)
        assert plain["flagMetadata"] == {"team": "shop", "size": 3, "beta": True}
        client.check(Question("boolean", "of-servers", False, "ann", {}, False, error="FLAG_NOT_FOUND"))


def test_a_server_sees_a_switch_at_once(fader: Fader, modules: Path, tmp_path: Path) -> None:
    on = Question("boolean", "named", False, "ann", {}, True, "on", "TARGETING_MATCH")
    with app("server", modules, tmp_path) as client:
        client.do("provide", url=fader.url, key=fader.key("server-key"), every=0)
        client.who("ann")
        client.check(on)
        client.check(Question("boolean", "of-servers", False, "ann", {}, True, "on", "TARGETING_MATCH"))
        fader.switch("named", "off")
        client.check(on._replace(value=False, variant="off", reason="DISABLED"))
        fader.switch("named", "on")
        client.check(on)
        client.do("context", context={})
        client.check(on._replace(value=False, variant=None, reason="ERROR", error="TARGETING_KEY_MISSING"))


def test_the_web_hears_of_what_changed_and_of_nothing_else(fader: Fader, modules: Path, tmp_path: Path) -> None:
    on = Question("boolean", "named", False, "ann", {}, True, "on", "TARGETING_MATCH")
    with app("web", modules, tmp_path) as client:
        client.who("ann", **US)
        client.do("provide", url=fader.url, key=fader.key("client-key"), every=EVERY)
        client.check(on)
        fader.switch("of-servers", "off")
        fader.switch("killed", "off")  # changes no answer
        fader.switch("named", "off")
        assert client.do("changed") == {"flags": ["named"]}
        off = on._replace(value=False, variant="off", reason="DISABLED")
        client.check(off)
        fader.stop()
        client.check(off)
        fader.start()
        fader.switch("named", "on")
        assert client.do("changed") == {"flags": ["named"]}
        client.check(on)
        fader.switch("of-servers", "on")


def test_the_web_hears_of_changes_by_the_stream(fader: Fader, modules: Path, tmp_path: Path) -> None:
    """Without questions in between, and with the EventSource of a browser, which Node has behind a switch."""
    if subprocess.run(["node", *STREAMS, "-e", "new EventSource"], capture_output=True, check=False).returncode == 9:
        pytest.skip("this Node has no EventSource")
    on = Question("boolean", "named", False, "ann", {}, True, "on", "TARGETING_MATCH")
    with app("web", modules, tmp_path, *STREAMS) as client:
        client.who("ann", **US)
        client.do("provide", url=fader.url, key=fader.key("client-key"), every=0)
        client.check(on)
        for command, value, reason in (("off", False, "DISABLED"), ("on", True, "TARGETING_MATCH")):
            fader.switch("of-servers", command)
            fader.switch("named", command)
            assert client.do("changed") == {"flags": ["named"]}
            client.check(on._replace(value=value, variant=command, reason=reason))


def test_the_web_without_a_key_or_a_unit(fader: Fader, modules: Path, tmp_path: Path) -> None:
    with app("web", modules, tmp_path) as client:
        client.who("ann")
        refused = client.do("provide", url=fader.url, key="wrong", every=0)
        assert refused == {"status": "FATAL", "code": "PROVIDER_FATAL"}
        client.do("context", context={})
        missing = client.do("provide", url=fader.url, key=fader.key("client-key"), every=0)
        assert missing["status"] == "ERROR"
