"""What the README and the docs say is true: files load, commands exist, links lead somewhere, nothing is old."""

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from fader.cli.commands import app
from fader.schema import load_document

ROOT = Path(__file__).parents[3]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("demos/**/*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def snippets(language: str) -> dict[str, str]:
    """Page and line → the text of each block of that language."""
    return {
        f"{page.relative_to(ROOT)}:{page.read_text().count(chr(10), 0, block.start()) + 1}": block[2]
        for page in PAGES
        for block in FENCE.finditer(page.read_text())
        if block[1] == language
    }


YAML = snippets("yaml")


def options(command: Any) -> set[str]:
    """Of a command and of those below it."""
    own = {option for parameter in command.params for option in parameter.opts}
    return own.union(*map(options, getattr(command, "commands", {}).values()))


#: Name of each command → its options.
COMMANDS = {name: options(command) for name, command in vars(typer.main.get_command(app))["commands"].items()}


def lines() -> list[list[str]]:
    """Every command line of every page, in words, without its comment."""
    found = [shlex.split(line, comments=True) for text in snippets("sh").values() for line in text.splitlines()]
    return [words for words in found if words]


@pytest.mark.parametrize("text", YAML.values(), ids=YAML.keys())
def test_files_in_the_docs_are_good(text: str) -> None:
    """A snippet without services is a part of a file: it is read together with some."""
    services = 'services: {shop: {listen: 127.0.0.1:1, versions: {v1: "http://h:2", v2: "http://h:3"}, baseline: v1}}\n'
    environment = re.search(r"^environments: \[([\w-]+)", text)
    whole = text if "services:" in text else services + text
    document = load_document(whole, "fader.yaml", environment[1] if environment else None)
    assert document.services
    nouns = (*document.services, *document.metrics, *document.rollouts, *document.flags, *document.segments)
    nouns = (*nouns, *document.providers, *document.settings.channels)
    assert (
        set(re.findall(r"^  ([\w-]+):", text, re.MULTILINE))
        <= {n.name for n in nouns} | dict(document.directions).keys()
    )


def test_the_readme_begins_with_ten_lines_of_yaml() -> None:
    blocks = FENCE.findall((ROOT / "README.md").read_text())
    first = next(text for kind, text in blocks if kind == "yaml")
    assert len(first.splitlines()) == 10


def test_commands_in_the_docs_exist_with_their_options() -> None:
    used = [words[1:] for words in lines() if words[0] == "fader"]
    assert {"up", "start", "watch", "plan", "why"} <= {words[0] for words in used}
    for command, *rest in used:
        assert command in COMMANDS
        assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= COMMANDS[command], command


def test_make_targets_in_the_docs_exist() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    used = {words[1] for words in lines() if words[0] == "make"}
    assert {"demo", "test"} <= used
    assert used <= targets


@pytest.mark.parametrize("page", PAGES, ids=[str(p.relative_to(ROOT)) for p in PAGES])
def test_links_lead_somewhere(page: Path) -> None:
    prose = FENCE.sub("", page.read_text())
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", prose):
        if "://" not in target:
            assert (page.parent / target).exists(), target


def test_every_page_of_the_docs_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    for page in (ROOT / "docs").glob("**/*.md"):
        if page.name != "README.md":
            assert f"({page.relative_to(ROOT / 'docs')})" in index, page


def test_the_generated_pages_are_fresh() -> None:
    result = subprocess.run(
        [sys.executable, ROOT / "scripts" / "docs.py", "--check"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
