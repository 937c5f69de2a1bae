"""`fader demo`: a small shop, its visitors and one rollout."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer


class Scenario(StrEnum):
    HEALTHY = "healthy"
    ERRORS = "errors"
    SLOW = "slow"
    CRASH = "crash"
    FLAKY_BASELINE = "flaky-baseline"
    CONVERSION = "conversion"
    SIDE_EFFECT = "side-effect"
    AB = "ab"
    FLAG = "flag"


def register(app: typer.Typer) -> None:
    app.command("demo", epilog="Example: fader demo --scenario errors --exit --json")(demo)


def demo(
    scenario: Annotated[Scenario, typer.Option(help="What happens to the release.")] = Scenario.ERRORS,
    visitors: Annotated[int, typer.Option(min=10, max=1_000_000, help="How many people visit the shop.")] = 2000,
    rate: Annotated[float, typer.Option(min=1, max=100_000, help="Requests per second, in all.")] = 800.0,
    seed: Annotated[int, typer.Option(min=0, help="The same seed simulates the same visitors.")] = 1,
    leave: Annotated[bool, typer.Option("--exit", help="Stop when the rollout has ended.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --exit, the last line on stdout is JSON.")] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="DIR", help="Keep the data here; default a temporary directory."),
    ] = None,
) -> int:
    """A real shop behind the gateway, simulated visitors, and a rollout of a version, or of a flag, to watch."""
    # The demo is a neighbour of the command line, and neither imports the other: it comes by name.
    run: Callable[..., int] = import_module("fader.demo.run").run
    return run(
        scenario=scenario.value,
        visitors=visitors,
        rate=rate,
        seed=seed,
        exit_when_done=leave,
        as_json=as_json,
        data_dir=data_dir,
    )
