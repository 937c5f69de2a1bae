"""What a search of source tells the server, and `fader flags forget`."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect
from fader.errors import BadInput, Problem

#: Seconds for git to say where a checkout comes from.
ASKED_WITHIN = 10.0


def register(group: typer.Typer) -> None:
    group.command("forget", epilog="Example: fader flags forget old-shop")(forget)


def forget(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The codebase's name.", show_default=False)],
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Forget what a codebase that is no more was reported to name."""
    from fader.cli.show import print_json

    answer = connect(server, token_file, data_dir).forget_codebase(name)
    if as_json:
        print_json(answer)
    else:
        print(f"codebase {name} is forgotten")


def named(found: Mapping[str, Sequence[tuple[str, int]]], root: Path) -> list[dict[str, Any]]:
    """The flags of a report. `found`: file and line of each place that names a flag, by flag."""
    from fader.model.codebase import PLACES

    return [
        {
            "flag": flag,
            "references": len(places),
            "files": len({file for file, _ in places}),
            "places": [_place(file, line, root) for file, line in places[:PLACES]],
        }
        for flag, places in found.items()
    ]


def root_of(path: Path) -> Path:
    """The checkout that `path` lies in; without one the current folder, where it lies in that; else the folder."""
    path = _absolute(path)
    folder = path if path.is_dir() else path.parent
    for above in (folder, *folder.parents):
        if (above / ".git").exists():
            return above
    here = Path.cwd()
    return here if folder.is_relative_to(here) else folder


def name_of(root: Path) -> str:
    """Of the repository that a checkout comes from, without host, owner and what else its address holds; else of the
    folder. Raises BadInput when that cannot be a name."""
    from fader.schema.name import bad_name

    repository = re.split(r"[/:]", _origin(root).rstrip("/"))[-1].removesuffix(".git")
    name = root.name if bad_name(repository, version=True) else repository
    if wrong := bad_name(name, version=True):
        raise BadInput(Problem(wrong[0], "give the codebase a name, e.g. --as shop"))
    return name


def _origin(root: Path) -> str:
    """The address that git fetches from, "" for none that is known."""
    if not (root / ".git").exists():
        return ""
    asked = ["git", "-C", str(root), "config", "--get", "remote.origin.url"]
    try:
        said = subprocess.run(asked, capture_output=True, text=True, timeout=ASKED_WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return ""
    return said.stdout.strip()


def _place(file: str, line: int, root: Path) -> str:
    """`path:line` below the root, as printable text; of a long one the end, which says more."""
    from fader.model.codebase import LONGEST_PLACE

    path = Path(os.path.relpath(_absolute(Path(file)), root)).as_posix()
    place = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in f"{path}:{line}")
    return place if len(place) <= LONGEST_PLACE else f"…{place[1 - LONGEST_PLACE :]}"


def _absolute(path: Path) -> Path:
    """Links are not followed: a file is called as its checkout calls it."""
    return Path(os.path.abspath(path))
