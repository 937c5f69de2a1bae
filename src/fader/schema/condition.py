"""A condition on attributes, in fader's subset of CEL: checked when it is read, kept as it was written."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from fader.assign.cel import CelError
from fader.assign.cel_parser import parse
from fader.schema.name import bad_name
from fader.schema.suggest import wrong


def parse_condition(value: object) -> str:
    """Raises PydanticCustomError with the position, counted from 1."""
    if not isinstance(value, str):
        raise wrong("is not a condition", 'write e.g. country == "US", in single quotes')
    try:
        parse(value)
    except CelError as error:
        raise wrong(str(error), error.fix) from None
    return value


def parse_audience(value: object) -> str:
    """A condition; the name of a segment is short for `segment("NAME")`. Raises PydanticCustomError."""
    if isinstance(value, str) and value not in ("true", "false") and not bad_name(value):
        return f'segment("{value}")'
    return parse_condition(value)


Audience = Annotated[str, BeforeValidator(parse_audience, json_schema_input_type=str)]
Condition = Annotated[str, BeforeValidator(parse_condition, json_schema_input_type=str)]
