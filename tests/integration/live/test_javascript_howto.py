"""The how-to of the JavaScript front end, done as it is written: its files run in Node, where a title is printed."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from fader.cli.entry import run

from .npm import node_modules
from .test_openfeature_javascript import PACKAGES
from .up import Fader, fader_up

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "javascript-front-end.md").read_text()
DOM = "globalThis.document = { set title(text) { console.log(text); }, addEventListener() {} };"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def modules() -> Path:
    return node_modules(*PACKAGES)


@pytest.fixture
def fader(modules: Path, tmp_path: Path) -> Iterator[Fader]:
    (yaml,) = blocks("yaml")
    with fader_up(tmp_path, yaml) as running:
        yield running


def test_the_front_end(
    fader: Fader,
    modules: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    web, page, node = blocks("js")
    install, install_on_a_server, switch = blocks("sh")
    names = {package.rpartition("@")[0] for package in PACKAGES}
    assert {*shlex.split(install)[2:], *shlex.split(install_on_a_server)[2:]} == names
    assert "pollInterval: 10_000" in web
    filled = {
        "http://127.0.0.1:7070": fader.url,
        "CLIENT_KEY": fader.key("client-key"),
        "SERVER_KEY": fader.key("server-key"),
        "10_000": "100",
    }
    files = {"flags.js": web, "page.js": page, "node.js": node, "dom.js": DOM}
    app = tmp_path / "app"
    app.mkdir()
    (app / "package.json").write_text('{"type": "module"}')
    (app / "node_modules").symlink_to(modules)
    for name, text in files.items():
        (app / name).write_text(re.sub("|".join(filled), lambda found: filled[found[0]], text))

    asked = subprocess.run(["node", "node.js"], cwd=app, capture_output=True, text=True, timeout=60, check=True)
    assert asked.stdout == "true\n"
    pipe = subprocess.PIPE
    with subprocess.Popen(["node", "--import", "./dom.js", "page.js"], cwd=app, stdout=pipe, text=True) as browser:
        assert browser.stdout is not None
        assert browser.stdout.readline() == "new checkout, Spring sale\n"
        monkeypatch.setenv("FADER_SERVER", fader.url)
        monkeypatch.setenv("FADER_TOKEN", fader.key("token"))
        assert run(shlex.split(switch)[1:]) == 0
        assert capsys.readouterr().out == "new-checkout is off: everybody gets off\n"
        assert browser.stdout.readline() == "old checkout, Spring sale\n"
        browser.kill()
    fader.stop()
    env = os.environ | {"NODE_NO_WARNINGS": "1"}
    lonely = subprocess.Popen(
        ["node", "--import", "./dom.js", "page.js"], cwd=app, env=env, stdout=pipe, stderr=pipe, text=True
    )
    said, _ = lonely.communicate(timeout=60)
    assert said == "old checkout, \n"
