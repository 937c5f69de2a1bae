"""The lock files: hashes for everything, no address of an index, and one truth."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

import pytest

REQUIREMENTS = Path(__file__).parents[3] / "requirements"
PROJECT = tomllib.loads((REQUIREMENTS.parent / "pyproject.toml").read_text())["project"]
LOCKS = ("dev.lock", "server.lock")


def pins(lock: str) -> dict[str, str]:
    """`name==version ; marker` → the lines of its block."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (REQUIREMENTS / lock).read_text())
    return {block.split(" \\")[0].strip(): block for block in re.split(r"\n(?=\S)", text.strip())}


def name(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found, requirement
    return re.sub(r"[-_.]+", "-", found[0]).lower()


@pytest.mark.parametrize("lock", LOCKS)
def test_every_pin_is_exact_and_has_hashes(lock: str) -> None:
    for pin, block in pins(lock).items():
        assert "==" in pin, pin
        assert len(re.findall(r"--hash=sha256:[0-9a-f]{64}\b", block)) >= 1, pin


@pytest.mark.parametrize("lock", LOCKS)
def test_no_address_of_an_index(lock: str) -> None:
    text = (REQUIREMENTS / lock).read_text()
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)


@pytest.mark.parametrize("lock", LOCKS)
def test_what_the_project_needs_is_locked(lock: str) -> None:
    needed = {name(r) for r in (*PROJECT["dependencies"], *PROJECT["optional-dependencies"]["server"])}
    assert needed <= {name(pin) for pin in pins(lock)}


def test_the_tools_are_locked() -> None:
    lines = (REQUIREMENTS / "dev.in").read_text().splitlines()
    wanted = {name(line) for line in lines if line and not line.startswith("#")}
    assert wanted <= {name(pin) for pin in pins("dev.lock")}


def test_the_locks_agree() -> None:
    assert set(pins("server.lock")) <= set(pins("dev.lock"))


def test_extras_that_are_asked_for_are_locked() -> None:
    """A pin of `name` alone does not cover a dependency on `name[extra]`: pip then takes the newest release for it,
    and the first newer one makes every fresh installation fail."""
    locked = {name(pin): pin for pin in pins("dev.lock")}
    for package in locked:
        try:
            lines = requires(package) or []
        except PackageNotFoundError:  # for another platform
            continue
        for line in lines:
            requirement, _, marker = line.partition(";")
            asked = re.search(r"\[([\w,-]+)\]", requirement)
            if asked and "extra" not in marker and name(requirement) in locked:
                pin = locked[name(requirement)]
                assert f"[{asked[1]}]" in pin, f"{package} needs {requirement}, locked is {pin}"
