"""`segments:` of fader.yaml."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator, model_validator

from fader.assign.bucket import UNIT_BYTES
from fader.model.segment import MOST_UNITS, Segment
from fader.schema.condition import Condition
from fader.schema.file import ReadableFile
from fader.schema.noun import Noun
from fader.schema.suggest import quoted, wrong


class SegmentText(Noun):
    """Units in a list, units in a file (one a line), and a condition: whoever is in one of them."""

    when: Condition = ""
    units: list[str] = Field(default=[])
    units_file: ReadableFile = ""
    description: str = ""

    @field_validator("units")
    @classmethod
    def _units(cls, units: list[str]) -> list[str]:
        for i, unit in enumerate(units):
            _check(unit, (i,))
        return units

    @field_validator("units_file")
    @classmethod
    def _readable(cls, name: str, info: ValidationInfo) -> str:
        lines = _lines(name)
        if len(lines) + len(info.data.get("units", ())) > MOST_UNITS:
            raise wrong(f"names more than {MOST_UNITS:,} units", "describe them by a condition: when")
        for unit in lines:
            _check(unit)
        return name

    @model_validator(mode="after")
    def _some(self) -> SegmentText:
        if not self.when and not self.units and not self.units_file:
            raise wrong("is empty", "add units: [...], units_file: or when:")
        return self

    def to_model(self, name: str) -> Segment:
        listed = dict.fromkeys((*self.units, *(_lines(self.units_file) if self.units_file else ())))
        return Segment(name, self.when, tuple(listed), self.description)


def _lines(name: str) -> list[str]:
    """The units of a file: one a line, blank lines and those that begin with # left out. Raises PydanticCustomError."""
    try:
        text = Path(name).read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise wrong(f"byte {error.start + 1} of {quoted(name)} is not UTF-8", "save the file as UTF-8") from None
    except OSError as error:
        raise wrong(f"{quoted(name)} cannot be read ({error.strerror})", "name another file") from None
    return [unit for line in text.splitlines() if (unit := line.strip()) and not unit.startswith("#")]


def _check(unit: str, at: tuple[int, ...] = ()) -> None:
    if not unit or len(unit.encode()) > UNIT_BYTES:
        raise wrong(f"{quoted(unit)} is no unit", f"a unit has 1 to {UNIT_BYTES} bytes", at)
