"""The how-to of the first flag, done as it is written, against a real server."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fader.cli.entry import run

if TYPE_CHECKING:
    from conftest import Server, Until

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "first-flag.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_first_flag(
    server: Server,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FADER_SERVER", server.url)
    monkeypatch.setenv("FADER_TOKEN", "operator")
    (yaml,), (plan, explain, switch) = blocks("yaml"), blocks("sh")
    Path("fader.yaml").write_text(yaml)
    Path("fader-data").mkdir()
    Path("fader-data/server-key").write_text("server-key\n")

    def fader(line: str) -> str:
        assert run(shlex.split(line)[1:]) == 0
        return capsys.readouterr().out

    first, second = plan.splitlines()
    assert "flags new-checkout" in fader(first)
    assert second.startswith("fader up")
    assert "+ flag new-checkout" in fader("fader apply -f fader.yaml")
    ask, evaluate, test, openfeature = [
        compile(block.replace("http://127.0.0.1:7070", server.url), "howto", "exec") for block in blocks("python")
    ]
    names: dict[str, Any] = {}
    exec(ask, names)
    flags = names["flags"]
    assert capsys.readouterr().out == "True True\n"
    exec(evaluate, names)
    assert capsys.readouterr().out == "on SPLIT first-us\n"
    exec(openfeature, names)
    assert capsys.readouterr().out == "True on SPLIT first-us\n"
    names["api"].shutdown()
    names["client"].close()
    assert "user-2 gets on (SPLIT)" in fader(explain)
    assert fader(switch) == "new-checkout is off: everybody gets off\n"
    until(lambda: not flags.boolean("new-checkout", True, "ann"))
    assert "orders fail" in fader("fader flags")
    exec(test, names)
    flags.close()
