"""`tolerate`: the rise that would be accepted at 100 %. `0.2pp` is absolute, `10%` relative to the baseline."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BeforeValidator

from fader.model.metric import Margin
from fader.schema.suggest import quoted, wrong

_FIX = "write 0.2pp (percentage points) or 10% (of the baseline's value)"
DEFAULT = Margin("relative", 0.1)


def parse_tolerance(value: object) -> Margin:
    """Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not a tolerance", _FIX)
    text = value.replace(" ", "")
    number = re.fullmatch(r"(-?[0-9]+(?:\.[0-9]+)?)(.*)", text)
    if number is None:
        raise wrong(f"{quoted(value)} is not a tolerance", _FIX)
    amount, unit = float(number[1]), number[2]
    if unit == "":
        raise wrong(f"{quoted(value)} has no unit", f"write {text}pp (percentage points) or {text}% (of the baseline)")
    if unit not in {"pp", "%"}:
        raise wrong(f"{quoted(value)} has the unknown unit {unit}", _FIX)
    if amount <= 0:
        raise wrong(f"{quoted(value)} tolerates nothing, which no data can prove", _FIX)
    if unit == "pp" and amount >= 100:
        raise wrong(f"{quoted(value)} tolerates everything", _FIX)
    if amount > 1000:
        raise wrong(f"{quoted(value)} is more than tenfold", _FIX)
    # Divided and not multiplied: 0.2 / 100 is 0.002, 0.2 * 0.01 is not.
    return Margin("absolute" if unit == "pp" else "relative", amount / 100)


Tolerance = Annotated[Margin, BeforeValidator(parse_tolerance, json_schema_input_type=str)]
