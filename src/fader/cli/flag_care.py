"""`fader flags stale` and `fader flags unused`: which flags have done their work."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect
from fader.errors import BadInput, Problem

if TYPE_CHECKING:
    from fader.cli.client import Client

DATA = Path("fader-data")
#: A flag is named in code as a text: its name alone, between quotes of any language.
_QUOTED = re.compile(r"""["'`]([A-Za-z0-9][A-Za-z0-9_-]{0,62})(?=["'`])""")
#: Folders that hold what others wrote, or what was made of the source.
_PASSED_OVER = {"node_modules", "__pycache__", "vendor", "dist", "build", "target", "venv"}
_LARGEST = 2_000_000


def register(group: typer.Typer) -> None:
    group.command("stale", epilog="Example: fader flags stale --after 60d")(stale)
    group.command("unused", epilog="Example: fader flags unused --code . --report")(unused)


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
    report: Annotated[
        bool, typer.Option("--report", help="Tell the server what was found; for CI, on the main branch.")
    ] = False,
    codebase: Annotated[
        str | None,
        typer.Option(
            "--as",
            metavar="NAME",
            help="What the codebase is called in the report; else as its git repository, else as its folder.",
            show_default=False,
        ),
    ] = None,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """Find where the source names each flag, as a text in quotes, and list those that it does not name."""
    from fader.cli.show import console, plain_table, print_json

    if codebase is not None and not report:
        raise BadInput(Problem("--as names a report, and there is none", "add --report"))
    client = connect(server, token_file, data_dir)
    flags, searched = [s["flag"] for s in client.flags()["flags"]], Sources(code)
    found = references([str(flag["name"]) for flag in flags], searched)
    required = {p["flag"] for flag in flags for p in flag.get("requires", ())}
    rows = [{"name": f["name"], "owner": f["owner"], "places": _places(found[f["name"]])} for f in flags]
    taken = _report(client, codebase, found, searched, code) if report else None
    if as_json:
        print_json({"flags": rows} | ({"report": taken} if taken else {}))
        return
    out, table = console(), plain_table("flag", "named in", "owner")
    for row in rows:
        table.add_row(row["name"], _where(row["places"], row["name"] in required), row["owner"])
    out.print(table if rows else "no flags")
    idle = [row["name"] for row in rows if not row["places"]]
    if idle:
        out.print(f"not named in {', '.join(map(str, code))}: {', '.join(idle)}")
    if taken:
        gone = f"; no longer: {', '.join(taken['gone'])}" if taken["gone"] else ""
        out.print(f"reported as {taken['codebase']['name']}: it names {taken['named']} of {len(rows)} flags{gone}")


def references(names: Iterable[str], files: Iterable[tuple[str, str]]) -> dict[str, list[tuple[str, int]]]:
    """File and line of each place that names a flag, by flag. `files`: name and text of each."""
    found: dict[str, list[tuple[str, int]]] = {name: [] for name in names}
    for file, text in files:
        for match in _QUOTED.finditer(text):
            if match[1] in found:
                place = file, text.count("\n", 0, match.start()) + 1
                if place not in found[match[1]][-1:]:
                    found[match[1]].append(place)
    return found


class Sources:
    """The text files below some paths, name and text, in order; hidden folders and those of dependencies are passed
    over. After that, `read` is how many there were, and `unread` the files and folders that were there and could not be
    read."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self._paths = tuple(paths)
        self.read, self.unread = 0, list[str]()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        self.read, self.unread = 0, []
        for path in self._paths:
            if path.is_file():
                yield from self._text(path)
            for folder, folders, files in os.walk(path, onerror=self._failed):
                folders[:] = sorted(f for f in folders if f not in _PASSED_OVER and not f.startswith("."))
                for file in sorted(files):
                    yield from self._text(Path(folder, file))

    def _text(self, file: Path) -> Iterator[tuple[str, str]]:
        """Nothing for what is no text, too large to be source, or cannot be read."""
        try:
            if not file.is_file() or file.stat().st_size > _LARGEST:
                return
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            return
        except OSError as error:
            self._failed(error, file)
        else:
            self.read += 1
            yield str(file), text

    def _failed(self, error: OSError, file: Path | None = None) -> None:
        """A file that went away meanwhile is none; any other may name a flag."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self.unread.append(str(file or error.filename))


def _report(
    client: Client,
    codebase: str | None,
    found: Mapping[str, Sequence[tuple[str, int]]],
    searched: Sources,
    code: Sequence[Path],
) -> Any:
    """Tell the server, unless it is not known what the source names. Raises BadInput then."""
    from fader.cli.codebase import name_of, named, root_of
    from fader.schema.name import bad_name

    if not searched.read:
        raise BadInput(Problem("there is no source here, so that nothing is reported", "give its folder: --code PATH"))
    if searched.unread:
        more = f" and {len(searched.unread) - 1} more" if len(searched.unread) > 1 else ""
        message = f"not all source can be read, so that nothing is reported: {searched.unread[0]}{more}"
        raise BadInput(Problem(message, "make it readable, or search other folders: --code PATH"))
    root = root_of(code[0])
    name = name_of(root) if codebase is None else codebase
    if wrong := bad_name(name, version=True):
        raise BadInput(Problem(*wrong))
    return client.report_codebase(name, named(found, root))


def _places(found: Iterable[tuple[str, int]]) -> list[str]:
    return [f"{file}:{line}" for file, line in found]


def _where(places: list[str], required: bool) -> str:
    if not places:
        return "nowhere, but another flag requires it" if required else "nowhere"
    return places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "")
