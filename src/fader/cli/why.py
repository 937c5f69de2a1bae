"""`fader why`: every step of a rollout with its numbers, decided again from the record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from fader.cli.options import DEFAULT_SERVER, AsJson, DataDir, RolloutName, Server, TokenFile, connect


def register(app: typer.Typer) -> None:
    app.command("why", epilog="Example: fader why shop-v2")(why)


def why(
    rollout: RolloutName,
    as_json: AsJson = False,
    server: Server = DEFAULT_SERVER,
    token_file: TokenFile = None,
    data_dir: DataDir = Path("fader-data"),
) -> int:
    """Show each decision with its numbers, and whether the recorded evidence still leads to it.

    Exit code 1 when a replay comes to something else than what was done.
    """
    from fader.cli.show import print_json

    answer = connect(server, token_file, data_dir).why(rollout)
    if as_json:
        print_json(answer)
    else:
        for step in answer["steps"]:
            _print(step)
        if not answer["steps"]:
            print("no step yet")
    return int(any(step["replay"] == "different" for step in answer["steps"]))


def _print(answer: Any) -> None:
    import msgspec
    from rich.text import Text

    from fader.cli.show import console, judgement_numbers, moment
    from fader.model.decision import Step
    from fader.model.share import percent

    step = msgspec.convert(answer, Step)
    out = console()
    move = f"{step.before.phase} → {step.after.phase}, {percent(step.before.share)} → {percent(step.after.share)}"
    out.print(Text(f"{step.seq}. {moment(step.at)}  {step.actor}  {step.event}  ({move})", style="bold"))
    out.print(Text(f"   {answer['sentence']}"))
    if step.judgements:
        out.print(judgement_numbers(step.judgements))
    for finding in answer["findings"]:
        out.print(Text(f"   {finding}"))
    same = answer["replay"] == "same"
    words = "replayed: the same decision" if same else "replay differs"
    out.print(Text(f"   {words}", style="green" if same else "bold red"))
