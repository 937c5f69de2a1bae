"""The options that several commands share, and how the server and its token are found."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fader.errors import BadInput, Problem

if TYPE_CHECKING:
    from fader.cli.client import Client

DEFAULT_SERVER = "http://127.0.0.1:7070"

RolloutName = Annotated[str, typer.Argument(metavar="ROLLOUT", help="The rollout's name.", show_default=False)]
File = Annotated[Path, typer.Option("--file", "-f", metavar="FILE", help="The configuration to read.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout, errors as JSON on stderr.")]
Server = Annotated[
    str, typer.Option("--server", envvar="FADER_SERVER", metavar="URL", help="Where the server answers.")
]
TokenFile = Annotated[
    Path | None,
    typer.Option(
        "--token-file",
        metavar="FILE",
        help="The operator token; else FADER_TOKEN, else DATA_DIR/token.",
        show_default=False,
    ),
]
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar="FADER_DATA_DIR", metavar="DIR", help="Where fader keeps its data.")
]
Environment = Annotated[
    str,
    typer.Option(
        "--environment",
        envvar="FADER_ENVIRONMENT",
        metavar="NAME",
        help="Which of the file's environments this is.",
        show_default=False,
    ),
]


def connect(server: str, token_file: Path | None, data_dir: Path) -> Client:
    """A client of the server. Raises BadInput for a URL or a token file that cannot be used."""
    from fader.cli.client import Client

    return Client(server, find_token(token_file, data_dir))


def find_token(token_file: Path | None, data_dir: Path) -> str:
    """From --token-file, FADER_TOKEN or the data directory; "" when there is none. Raises BadInput."""
    given = os.environ.get("FADER_TOKEN", "").strip()
    if token_file is None and given:
        return given
    path = token_file or data_dir / "token"
    try:
        return path.read_text(encoding="utf-8").strip()
    except (FileNotFoundError, NotADirectoryError):
        if token_file is None:
            return ""
        raise BadInput(
            Problem("there is no such token file", "give the file that holds the token", str(path))
        ) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        fix = "run as the user who runs the server, or give --token-file"
        raise BadInput(Problem(f"the token cannot be read: {why}", fix, str(path))) from None
