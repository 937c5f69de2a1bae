"""Shares of the unit base as people write them: `5%`, `0.0001%`; kept as whole parts per million."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated

from pydantic import BeforeValidator

from fader.model.share import WHOLE
from fader.schema.suggest import quoted, wrong

_FIX = "write a percentage from 0.0001% to 100%, e.g. 5%"


def parse_share(value: object) -> int:
    """Parts per million, 1..1,000,000. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not a share", _FIX)
    text = value.replace(" ", "")
    if re.fullmatch(r"[0-9]+(\.[0-9]+)?", text):
        raise wrong(f"{quoted(value)} has no %", f"write {text}%")
    if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?%", text):
        raise wrong(f"{quoted(value)} is not a share", _FIX)
    ppm = Decimal(text[:-1]) * 10_000
    if ppm > WHOLE:
        raise wrong(f"{quoted(value)} is more than everybody", _FIX)
    if ppm <= 0:
        raise wrong(f"{quoted(value)} is nobody", _FIX)
    if ppm != ppm.to_integral_value():
        raise wrong(f"{quoted(value)} is finer than 0.0001%", "use at most four digits behind the point")
    return int(ppm)


def parse_weight(value: object) -> int:
    """The same, and nobody too. Raises PydanticCustomError."""
    return 0 if isinstance(value, str) and re.fullmatch(r"0+(\.0+)?%", value.replace(" ", "")) else parse_share(value)


Weight = Annotated[int, BeforeValidator(parse_weight, json_schema_input_type=str)]
Share = Annotated[int, BeforeValidator(parse_share, json_schema_input_type=str)]
