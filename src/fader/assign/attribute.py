"""An attribute of a unit as people write it to ask about a flag: `country=US`."""

from __future__ import annotations

import json
from typing import Any

from fader.errors import BadInput, Problem


def attribute(written: str) -> tuple[str, Any]:
    """`age=17` is a number, `plan=pro` a text, `zip="017"` a text too. Raises BadInput."""
    name, sign, value = written.partition("=")
    if not sign or not name.strip():
        raise BadInput(Problem(f'"{written}" is no attribute', "write NAME=VALUE, e.g. country=US"))
    try:
        return name.strip(), json.loads(value)
    except ValueError:
        return name.strip(), value.strip()
