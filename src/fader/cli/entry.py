"""Where `fader` starts: parse, run, and turn every error into one message and an exit code."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

MISSING = "fader: the command line and the server are not installed; type: pip install 'fader[server]'"
#: The code of Ctrl-C, by the custom of shells.
INTERRUPTED = 130


def main() -> None:
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """The exit code; see `fader --help` for what each means."""
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "fader":
            raise
        print(f"{MISSING}  (no module {error.name})", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # The reader has seen enough, e.g. `fader why ROLLOUT | head`; Python would complain once more when it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1


def _run(arguments: Sequence[str]) -> int:
    import typer

    from fader.cli.commands import app
    from fader.errors import FaderError

    command = typer.main.get_command(app)
    try:
        code = command.main(args=list(arguments), prog_name="fader", standalone_mode=False)
    except FaderError as error:
        _report(error, "--json" in arguments)
        return error.exit_code
    except typer.TyperException as error:
        _report_usage(error, "--json" in arguments)
        return error.exit_code
    except typer.Abort:
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def _report(error: Exception, as_json: bool) -> None:
    from fader.errors import BadInput

    if not as_json:
        print(f"fader: {error}" if not isinstance(error, BadInput) else str(error), file=sys.stderr)
        return
    body: dict[str, object] = {"title": type(error).__name__, "detail": str(error)}
    if isinstance(error, BadInput):
        body["problems"] = [
            {"message": p.message, "fix": p.fix, "path": p.path, "line": p.line} for p in error.problems
        ]
    _print_json(body, getattr(error, "exit_code", 1))


def _report_usage(error: Exception, as_json: bool) -> None:
    message = getattr(error, "format_message", lambda: str(error))()
    if not message:  # `fader` alone: its help has been printed
        return
    context = getattr(error, "ctx", None)
    path = context.command_path if context else "fader"
    if as_json:
        _print_json({"title": "BadInput", "detail": message}, 2)
    else:
        print(f"fader: {message}\n  fix: see {path} --help", file=sys.stderr)


def _print_json(body: dict[str, object], exit_code: int) -> None:
    print(json.dumps({"type": "about:blank", **body, "exit_code": exit_code}, ensure_ascii=False), file=sys.stderr)


if __name__ == "__main__":
    main()
