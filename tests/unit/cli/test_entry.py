"""How `fader` starts: fast, with help, and with one line when its parts are missing."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

import fader
from fader.cli.commands import app
from fader.cli.entry import run
from fader.model.state import Phase

if TYPE_CHECKING:
    from conftest import Shop

SOURCE = str(Path(fader.__file__).parents[1])
COMMANDS = sorted(typer.main.get_command(app).commands)


def python(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        env={**os.environ, "PYTHONPATH": SOURCE, **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_help_loads_nothing_heavy() -> None:
    heavy = ["sqlalchemy", "duckdb", "uvicorn", "scipy", "numpy", "yaml", "msgspec", "starlette", "httpx2"]
    code = (
        "import sys; from fader.cli.entry import run; run(['--help']);"
        f"print([m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    ended = python("-c", code)
    assert ended.stderr == "[]\n"
    assert "Usage: fader" in ended.stdout


def test_a_missing_extra_is_one_line() -> None:
    ended = python("-S", "-m", "fader.cli.entry", "status")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(
        "fader: the command line and the server are not installed; type: pip install 'fader[server]'"
    )
    assert ended.stderr.count("\n") == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_shows_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert f"Example: fader {command}" in capsys.readouterr().out


def test_the_help_names_the_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for words in ("0 done", "1 failed", "2 what was written is wrong", "3 not allowed now", "4 not found", "5 server"):
        assert words in out


def test_fader_alone_prints_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([]) == 2
    said = capsys.readouterr()
    assert "Usage: fader" in said.out + said.err
    assert "fix:" not in said.err


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"{fader.__version__}\n"


def test_the_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)["properties"]) == {
        "environments",
        "services",
        "metrics",
        "events",
        "rollouts",
        "flags",
        "segments",
        "providers",
        "layers",
        "holdouts",
        "notifications",
        "tracing",
    }


def test_up_refuses_a_broken_file_before_anything_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fader.yaml"
    file.write_text("services: {shop: {listen: 8080, versions: {v1: http://127.0.0.1:9001}, baseline: v1}}\n")
    assert run(["up", "-f", str(file), "--data-dir", str(tmp_path / "d")]) == 2
    assert (
        capsys.readouterr().err
        == f'{file}:1: services.shop.listen: "8080" has no address\n  fix: write 127.0.0.1:8080\n'
    )


@pytest.mark.parametrize("command", ["schema", "--version"])
def test_a_reader_that_leaves_is_told_nothing(command: str) -> None:
    code = f"import sys; from fader.cli.entry import run; sys.exit(run([{command!r}]))"
    command = [sys.executable, "-c", code]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": SOURCE}
    ) as p:
        assert p.stdout is not None
        p.stdout.close()
        assert p.stderr is not None
        assert p.stderr.read() == b""
        assert p.wait(60) == 1


def test_watch_is_live_in_a_terminal(shop: Shop) -> None:
    first = shop.views[0]
    done = replace(first, headline="v2 serves everybody.", state=replace(first.state, phase=Phase.COMPLETED))
    shop.views = [first, done]
    master, slave = pty.openpty()
    environment = {
        **os.environ,
        "PYTHONPATH": SOURCE,
        "FADER_TOKEN": "operator-token",
        "TERM": "xterm",
        "COLUMNS": "120",
    }
    command = [sys.executable, "-m", "fader.cli.entry", "watch", "shop-v2", "--server", shop.url]
    seen = bytearray()

    def read() -> None:
        try:
            while part := os.read(master, 4096):
                seen.extend(part)
        except OSError:  # the terminal's other end is closed
            pass

    with subprocess.Popen(
        command, stdout=slave, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=environment
    ) as p:
        os.close(slave)
        reader = threading.Thread(target=read)
        reader.start()
        assert p.wait(60) == 0
        reader.join(60)
    os.close(master)
    assert b"v2 serves 5 % of users." in seen
    assert b"v2 serves everybody." in seen
    assert b"\x1b[" in seen
