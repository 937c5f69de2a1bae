"""The how-to of flags by percentage, done as it is written, against a real server."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from fader.cli.entry import run
from fader.demo.scenarios import SCENARIOS
from fader.schema import load_document

if TYPE_CHECKING:
    from conftest import Server, Until

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "flag-rollout.md").read_text()
SERVER = "http://127.0.0.1:7070"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_a_flag_by_percentage(
    server: Server,
    until: Until,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FADER_SERVER", server.url)
    monkeypatch.setenv("FADER_TOKEN", "operator")
    (yaml, _), (code,), (demo, steps, explain, told) = blocks("yaml"), blocks("python"), blocks("sh")
    assert demo.split()[-1] in SCENARIOS
    Path("fader.yaml").write_text(yaml)
    Path("fader-data").mkdir()
    Path("fader-data/server-key").write_text("server-key\n")

    def fader(line: str) -> str:
        assert run(shlex.split(line)[1:]) == 0
        return capsys.readouterr().out

    apply, start, watch = steps.splitlines()
    assert "+ rollout new-form" in fader(apply)
    names: dict[str, Any] = {}
    exec(code.replace(SERVER, server.url), names)
    assert names["order_form"]("ann", "ann@example.com") == "the new form"
    assert "learns what is normal" in fader(start)
    assert watch == "fader watch new-form"
    until(lambda: names["flags"].evaluate("checkout", False, "user-2").rollout == "new-form")
    for user in (f"user-{number}" for number in range(60)):
        assert names["order_form"](user, f"{user}@example.org") == "the form"
        names["ordered"](user, 19.9)
    names["failed"]("user-2", KeyError("item 7"))
    assert names["order_form"]("ann", "ann@example.com") == "the new form"
    names["flags"].close()
    assert "new-form" in fader(explain)

    exposed = {e.unit for e in server.taken if (e.name, e.rollout, e.version) == ("exposure", "new-form", "off")}
    assert exposed == {f"user-{number}" for number in range(60)}, "and not ann, whom a rule settled"
    (order,) = (e for e in server.taken if e.name == "order" and e.unit == "user-9")
    assert dict(order.properties) == {"amount": 19.9}
    (error,) = (e for e in server.taken if e.name == "error")
    assert dict(error.properties) == {"type": "KeyError", "route": "POST /order"}

    _, address, _, header, _, body = shlex.split(told.replace("$(cat fader-data/server-key)", "server-key"))
    name, _, value = header.partition(": ")
    answer = httpx2.post(address.replace(SERVER, server.url), headers={name: value}, content=body, trust_env=False)
    assert (answer.status_code, answer.json()) == (202, {"taken": 1})
    last = server.taken[-1]
    assert (last.unit, last.rollout, last.version) == ("user-2", "new-form", "on")


def test_the_files_say_what_the_page_says_of_them() -> None:
    alone, behind = (load_document(text, "fader.yaml").rollouts[0] for text in blocks("yaml"))
    assert (str(alone.subject), alone.service, alone.baseline, alone.candidate) == ("flag checkout", "", "off", "on")
    assert [g.metric.event for g in alone.watched] == ["error", "order"]
    assert (str(behind.subject), behind.service) == ("flag checkout", "shop")
    assert [g.metric.name for g in behind.guardrails] == ["errors", "latency"]
