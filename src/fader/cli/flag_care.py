"""`fader flags stale` and `fader flags unused`: which flags have done their work."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect
from fader.errors import BadInput, Problem

DATA = Path("fader-data")
#: A flag is named in code as a text: its name alone, between quotes of any language.
_QUOTED = re.compile(r"""["'`]([A-Za-z0-9][A-Za-z0-9_-]{0,62})(?=["'`])""")
#: Folders that hold what others wrote, or what was made of the source.
_PASSED_OVER = {"node_modules", "__pycache__", "vendor", "dist", "build", "target", "venv"}
_LARGEST = 2_000_000


def register(group: typer.Typer) -> None:
    group.command("stale", epilog="Example: fader flags stale --after 60d")(stale)
    group.command("unused", epilog="Example: fader flags unused --code src --code web")(unused)


def stale(
    after: Annotated[
        str, typer.Option("--after", metavar="TIME", help="How long everybody may have had the same answer.")
    ] = "30d",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """List the flags that could go: past their day, or with one answer for everybody for long."""
    from pydantic_core import PydanticCustomError

    from fader.cli.show import console, plain_table, print_json
    from fader.schema.duration import parse_duration

    try:
        seconds = parse_duration(after)
    except PydanticCustomError as error:
        raise BadInput(Problem(f"--after {error.message()}", "write e.g. --after 30d")) from None
    answer = connect(server, token_file, data_dir).flags(seconds)
    found = [s for s in answer["flags"] if s["stale"]]
    if as_json:
        print_json({"flags": [{"name": s["flag"]["name"], "reasons": s["stale"]} for s in found]})
        return
    table = plain_table("flag", "why", "owner")
    for standing in found:
        table.add_row(standing["flag"]["name"], "; ".join(standing["stale"]), standing["flag"]["owner"])
    console().print(table if found else "no flag is stale")


def unused(
    code: Annotated[
        list[Path],
        typer.Option("--code", metavar="PATH", help="Source to search; may be given several times.", exists=True),
    ],
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """Find where the source names each flag, as a text in quotes, and list those that it does not name."""
    from fader.cli.show import console, plain_table, print_json

    flags = [s["flag"] for s in connect(server, token_file, data_dir).flags()["flags"]]
    found = references({str(flag["name"]) for flag in flags}, sources(code))
    required = {p["flag"] for flag in flags for p in flag.get("requires", ())}
    rows = [{"name": f["name"], "owner": f["owner"], "places": found[f["name"]]} for f in flags]
    if as_json:
        print_json({"flags": rows})
        return
    out, table = console(), plain_table("flag", "named in", "owner")
    for row in rows:
        table.add_row(row["name"], _where(row["places"], row["name"] in required), row["owner"])
    out.print(table if rows else "no flags")
    idle = [row["name"] for row in rows if not row["places"]]
    if idle:
        out.print(f"not named in {', '.join(map(str, code))}: {', '.join(idle)}")


def references(names: set[str], files: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """`file:line` of each place that names a flag, by flag. `files`: name and text of each."""
    found: dict[str, list[str]] = {name: [] for name in names}
    for file, text in files:
        for match in _QUOTED.finditer(text):
            if match[1] in found:
                place = f"{file}:{text.count(chr(10), 0, match.start()) + 1}"
                if place not in found[match[1]][-1:]:
                    found[match[1]].append(place)
    return found


def sources(paths: Iterable[Path]) -> Iterator[tuple[str, str]]:
    """The text files below, in order; hidden folders and those of dependencies are passed over."""
    for path in paths:
        if path.is_file():
            yield from _text(path)
        for folder, folders, files in os.walk(path):
            folders[:] = sorted(f for f in folders if f not in _PASSED_OVER and not f.startswith("."))
            for file in sorted(files):
                yield from _text(Path(folder, file))


def _text(file: Path) -> Iterator[tuple[str, str]]:
    """Nothing for what is no text, too large to be source, or cannot be read."""
    try:
        if file.stat().st_size <= _LARGEST:
            yield str(file), file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return


def _where(places: list[str], required: bool) -> str:
    if not places:
        return "nowhere, but another flag requires it" if required else "nowhere"
    return places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "")
