"""`fader flags export`: the flags in force as a document of flagd."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Server, TokenFile, connect
from fader.errors import BadInput, NotFound, Problem, Unavailable

if TYPE_CHECKING:
    from fader.cli.client import Client
    from fader.model.flag import Flag
    from fader.model.ruleset import Ruleset

DATA = Path("fader-data")


def register(group: typer.Typer) -> None:
    group.command("export", epilog="Example: fader flags export --output flags.flagd.json")(flags_export)


def flags_export(
    flag: Annotated[
        list[str] | None, typer.Option("--flag", metavar="NAME", help="Only this one; may be given several times.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", metavar="FILE", help="Write the document there; else to stdout.", show_default=False),
    ] = None,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = DATA,
) -> None:
    """Print the flags in force as a document of flagd, and on stderr what could not be carried over or means less."""
    import json

    from fader.cli.show import print_json
    from fader.schema.flagd_export import export_flagd

    held = in_force(connect(server, token_file, data_dir))
    found = export_flagd(chosen(held, flag), held.segments)
    text = json.dumps(found.document, ensure_ascii=False, indent=2) + "\n"
    if output:
        _write(output, text)
    if as_json:
        print_json({"document": found.document, "left": found.left})
        return
    if output:
        count = len(found.document["flags"])
        print(f"{output}: {count} flag{'s' if count != 1 else ''}")
    else:
        print(text, end="")
    for sentence in found.left:
        print(f"not carried over: {sentence}", file=sys.stderr)


def in_force(client: Client) -> Ruleset:
    """The flags and segments that the server gives to SDKs. Raises Unavailable for what is no ruleset."""
    import msgspec

    from fader.model.ruleset import Ruleset

    try:
        return msgspec.convert(client.ruleset(), Ruleset)
    except msgspec.ValidationError as error:
        raise Unavailable(f"the server at {client.server} gives no ruleset of this version: {error}") from None


def chosen(held: Ruleset, names: list[str] | None) -> list[Flag]:
    """The flags of these names, or all. Raises NotFound, naming the flags there are."""
    flags = {flag.name: flag for flag in held.flags}
    if missing := next((name for name in names or () if name not in flags), ""):
        raise NotFound(f"there is no flag named {missing!r}; there are: {', '.join(flags) or 'none yet'}")
    return [flag for name, flag in flags.items() if not names or name in names]


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text, encoding="utf-8")
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(Problem(f"cannot be written: {why}", "give another file with --output", str(file))) from None
