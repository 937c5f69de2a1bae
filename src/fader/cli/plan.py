"""`fader plan` and `fader apply`: from the written configuration to the server."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, Environment, File, Server, TokenFile, connect
from fader.errors import BadInput, Problem

FILE = Path("fader.yaml")
SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red"), "same": ("=", "dim")}

#: More of a kind that stay as they are, are counted instead of named.
MOST_SAME = 20


def register(app: typer.Typer) -> None:
    app.command("plan", epilog="Example: fader plan -f fader.yaml")(plan)
    app.command("apply", epilog="Example: fader apply -f fader.yaml")(apply)


def plan(
    file: File = FILE,
    offline: Annotated[bool, typer.Option("--offline", help="Only check the file; ask no server.")] = False,
    environment: Environment = "",
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Check a configuration and say what `apply` would change. Nothing is changed."""
    text = read_file(file)
    if offline:
        from fader.schema import load_document

        document = load_document(text, str(file), environment or None)
        found = {"services": [s.name for s in document.services], "rollouts": [r.name for r in document.rollouts]}
        if document.flags:
            found["flags"] = [f.name for f in document.flags]
        _print_offline(str(file), document.environment, found, as_json)
        return
    _print(_sent(file, lambda path: connect(server, token_file, data_dir).plan(path, text)), as_json)


def apply(
    file: File = FILE,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> None:
    """Bring services, rollouts and flags in line with a configuration. The same file again changes nothing."""
    text = read_file(file)
    _print(_sent(file, lambda path: connect(server, token_file, data_dir).apply(path, text)), as_json)


def read_file(file: Path) -> str:
    """Raises BadInput."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        fix = "give the file with -f, or begin with the example of the README"
        raise BadInput(Problem("there is no such file", fix, str(file))) from None
    except UnicodeDecodeError as error:
        raise BadInput(Problem(f"byte {error.start + 1} is not UTF-8", "save the file as UTF-8", str(file))) from None
    except OSError as error:
        why = (error.strerror or str(error)).lower()
        raise BadInput(Problem(f"cannot be read: {why}", "give a file that this user may read", str(file))) from None


def _sent(file: Path, ask: Any) -> Any:
    """The server may work in another directory, so it gets the whole path; its messages name the path as typed."""
    whole = str(file.absolute())
    try:
        answer = ask(whole)
    except BadInput as error:
        raise BadInput(*(replace(p, path=str(file)) if p.path == whole else p for p in error.problems)) from None
    answer["warnings"] = [str(w).replace(f"{whole}:", f"{file}:") for w in answer["warnings"]]
    return answer


def _print(answer: Any, as_json: bool) -> None:
    from fader.cli.show import console, print_json

    if as_json:
        print_json(answer)
        return
    from rich.text import Text

    out = console()
    if answer.get("environment"):
        out.print(Text(f"environment {answer['environment']}", style="bold"))
    for warning in answer["warnings"]:
        out.print(Text(f"warning: {warning}", style="yellow"))
    same = Counter(change["kind"] for change in answer["changes"] if change["action"] == "same")
    for kind, count in same.items():
        if count > MOST_SAME:
            out.print(Text(f"= {count:,} {kind}s", style=SIGNS["same"][1]))
    for change in answer["changes"]:
        if change["action"] == "same" and same[change["kind"]] > MOST_SAME:
            continue
        sign, colour = SIGNS[change["action"]]
        detail = f": {change['detail']}" if change["detail"] else ""
        out.print(Text(f"{sign} {change['kind']} {change['name']}{detail}", style=colour))
    for said in answer.get("answers", ()):
        out.print(Text(said))
    if all(change["action"] == "same" for change in answer["changes"]):
        out.print("nothing to change")


def _print_offline(path: str, environment: str, found: dict[str, list[str]], as_json: bool) -> None:
    from fader.cli.show import print_json

    if as_json:
        print_json({"path": path, "environment": environment, **found})
    else:
        here = f" in {environment}" if environment else ""
        print(
            f"{path} is sound{here}: "
            + "; ".join(f"{kind} {', '.join(names) or 'none'}" for kind, names in found.items())
        )
