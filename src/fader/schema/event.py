"""`events:` of fader.yaml: which way the named events of an app are good, and how such names are written."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from fader.model.metric import REQUEST
from fader.schema.noun import Noun
from fader.schema.suggest import quoted, wrong

_EVENT = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,99}")
_FIX = "use letters, digits, and _ . : -, at most 100, a letter or _ first, e.g. order"
#: Written by the gateway and by exposures; they are no outcomes.
OWN = {REQUEST: "what every user does", "exposure": "what tells fader who saw what"}


def parse_event(value: object) -> str:
    """The name of an app's event, or `request`. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not the name of an event", _FIX)
    if not _EVENT.fullmatch(value):
        raise wrong(f"{quoted(value)} cannot be the name of an event", _FIX)
    if value == "exposure":
        raise wrong("exposure is no outcome but what tells fader who saw what", "name an event that users cause")
    return value


class EventText(Noun):
    """A name without a direction is scanned too; what is found is then shown and stops nothing."""

    better: Literal["lower", "higher"] = Field(examples=["lower"])


Event = Annotated[str, BeforeValidator(parse_event, json_schema_input_type=str)]
