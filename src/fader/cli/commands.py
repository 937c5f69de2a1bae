"""All commands. Each lives in a file of its own noun, and loads what it needs only when it runs."""

from __future__ import annotations

import typer

from fader.cli import (
    demo,
    doctor,
    flags,
    forget,
    holdouts,
    notify,
    plan,
    preview,
    schema,
    status,
    steer,
    up,
    watch,
    why,
)

EPILOG = (
    "Exit codes: 0 done · 1 failed · 2 what was written is wrong · 3 not allowed now · 4 not found · "
    "5 server, gateway or store does not answer · 130 interrupted.   Example: fader up -f fader.yaml"
)

app = typer.Typer(
    name="fader",
    help="Progressive delivery by users: ramp a release, watch what it does to people, pull the plug by itself.",
    epilog=EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from fader import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _fader(
    version: bool = typer.Option(False, "--version", help="Print the version.", callback=_version, is_eager=True),
) -> None:
    """Options of `fader` itself."""


for module in (up, demo, doctor, plan, schema, steer, status, watch, why, preview, holdouts, flags, notify, forget):
    module.register(app)
