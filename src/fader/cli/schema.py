"""`fader schema`: the JSON Schema of fader.yaml, for editors."""

from __future__ import annotations

import typer

from fader.cli.options import AsJson


def register(app: typer.Typer) -> None:
    app.command("schema", epilog="Example: fader schema > fader.schema.json")(schema)


def schema(as_json: AsJson = False) -> None:
    """Print the JSON Schema of fader.yaml. Editors complete and check by it; --json prints it on one line."""
    import json

    from fader.schema.jsonschema import json_schema

    print(json.dumps(json_schema(), indent=None if as_json else 2))
