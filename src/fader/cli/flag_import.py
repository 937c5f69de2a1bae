"""`fader flags import`: the flags of another tool as a part of fader.yaml."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from fader.cli.options import AsJson
from fader.cli.plan import read_file
from fader.errors import BadInput, Problem


def register(group: typer.Typer) -> None:
    group.command("import", epilog="Example: fader flags import flags.flagd.json > fader.yaml")(flags_import)


def flags_import(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A document of flagd, JSON.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Print flagd's flags as fader.yaml has them, and on stderr what could not be carried over or means less."""
    import json

    import yaml

    from fader.cli.show import print_json
    from fader.schema import load_document
    from fader.schema.flagd import import_flagd

    try:
        found = import_flagd(json.loads(read_file(file)))
    except ValueError as error:
        raise BadInput(Problem(str(error), "give a document of flagd, as JSON", str(file))) from None
    text = yaml.safe_dump(found.document, sort_keys=False, allow_unicode=True, width=120)
    if found.document["flags"]:
        load_document(text, "what was imported")
    if as_json:
        print_json({"yaml": text, "left": found.left})
        return
    print(text, end="")
    for sentence in found.left:
        print(f"not carried over: {sentence}", file=sys.stderr)
