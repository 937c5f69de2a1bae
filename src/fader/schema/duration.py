"""Durations as people write them: `15s`, `10m`, `1h30m`, `2d`, `500ms`."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from fader.schema.suggest import quoted, wrong

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_PART = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)")
_FIX = "write a number with ms, s, m, h or d, e.g. 15s, 10m, 1h30m"
#: A year; longer is a slip of the pen.
LONGEST = 365 * 86_400.0


def parse_duration(value: object) -> float:
    """Seconds. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not a duration", _FIX)
    text = value.replace(" ", "")
    if text == "0":
        return 0.0
    if text.startswith("-"):
        raise wrong(f"{quoted(value)} is negative", f"write {text.lstrip('-')}")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise wrong(f"{quoted(value)} has no unit", f"write {text}s for seconds or {text}m for minutes")
    if not re.fullmatch(rf"(?:{_PART.pattern})+", text):
        raise wrong(f"{quoted(value)} is not a duration", _FIX)
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text))
    if seconds > LONGEST:
        raise wrong(f"{quoted(value)} is longer than a year", _FIX)
    return seconds


def format_duration(seconds: float) -> str:
    """The shortest text that `parse_duration` reads back, to the millisecond."""
    rest = round(seconds * 1000)
    parts = []
    for unit in ("d", "h", "m", "s", "ms"):
        count, rest = divmod(rest, round(_SECONDS[unit] * 1000))
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0s"


Duration = Annotated[float, BeforeValidator(parse_duration, json_schema_input_type=str)]
