"""The reference describes every command, option and exit code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import typer

from fader import errors
from fader.cli.commands import app
from fader.cli.options import DEFAULT_SERVER

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "cli.md").read_text()
TOP = typer.main.get_command(app).commands
COMMANDS = TOP | {f"{name} {sub}": c for name in TOP for sub, c in getattr(TOP[name], "commands", {}).items()}
SECTIONS = {m[1]: m[2] for m in re.finditer(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", TEXT, flags=re.MULTILINE | re.DOTALL)}
SHARED = SECTIONS["Shared options"]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_documented(name: str) -> None:
    words = set(re.findall(r"`(--?[\w-]+)`", SECTIONS[f"fader {name}"] + SHARED))
    options = {o for p in COMMANDS[name].params for o in p.opts if o.startswith("-")}
    assert options <= words


def test_no_command_is_documented_that_is_none() -> None:
    assert {t.removeprefix("fader ") for t in SECTIONS if t.startswith("fader ")} == set(COMMANDS)


def test_no_option_is_documented_that_is_none() -> None:
    known = {o for c in COMMANDS.values() for p in c.params for o in p.opts} | {"--help", "-h"}
    cells = re.findall(r"^\| (`-[^|]+) \|", TEXT, flags=re.MULTILINE)
    assert set(re.findall(r"`([^`]+)`", " ".join(cells))) <= known


def test_every_exit_code_is_documented() -> None:
    codes = {int(c) for c in re.findall(r"^\| (\d+) \|", SECTIONS["Exit codes"], flags=re.MULTILINE)}
    raised = {e.exit_code for e in vars(errors).values() if isinstance(e, type) and issubclass(e, errors.FaderError)}
    assert raised | {0} <= codes


def test_defaults_are_those_of_the_code() -> None:
    assert f"`{DEFAULT_SERVER}`" in SHARED or f"else `{DEFAULT_SERVER}`" in SHARED
    for option, default in (("--visitors", "2000"), ("--rate", "800"), ("--seed", "1"), ("--scenario", "errors")):
        assert f"| `{option}` | `{default}` |" in SECTIONS["fader demo"]
        param = next(p for p in COMMANDS["demo"].params if option in p.opts)
        assert str(getattr(param.default, "value", param.default)).removesuffix(".0") == default
