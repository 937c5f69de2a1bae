"""A condition on attributes, in fader's subset of CEL: checked when it is read, kept as it was written."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from fader.assign.cel import CelError
from fader.assign.cel_parser import parse
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


Condition = Annotated[str, BeforeValidator(parse_condition, json_schema_input_type=str)]
