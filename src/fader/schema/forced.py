"""Units that get a variant or version whatever else is said: `units: {on: [ann, bob]}`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from pydantic import BeforeValidator

from fader.assign.bucket import UNIT_BYTES
from fader.model.flag import Forced
from fader.schema.suggest import quoted, wrong


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


#: A bare name is short for a list of one.
Names = Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=list[str] | str)]


def forced_by(units: Mapping[str, Sequence[str]]) -> tuple[Forced, ...]:
    """`units`: by what they get. Raises PydanticCustomError, with the place below `units` before it."""
    found: dict[str, Forced] = {}
    for variant, ids in units.items():
        for i, unit in enumerate(ids):
            sound = 0 < len(unit.encode()) <= UNIT_BYTES
            if not sound or found.setdefault(unit, Forced(unit, variant)).variant != variant:
                fix = "name each unit once" if sound else f"a unit has 1 to {UNIT_BYTES} bytes"
                raise wrong(f"{quoted(unit)} cannot get {variant}", fix, ("units", variant, i))
    return tuple(found.values())
