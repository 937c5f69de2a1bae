"""The base of everything that people write: unknown keys are refused, a key without a value counts as absent."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.fields import FieldInfo
from pydantic_core import CoreSchema


class Noun(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    #: JSON Schemas of the short forms that a noun takes beside its mapping, e.g. `5%` for a stage.
    short_forms: ClassVar[tuple[dict[str, Any], ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _absent(cls, data: Any) -> Any:
        return {k: v for k, v in data.items() if v is not None} if isinstance(data, dict) else data

    @classmethod
    def written(cls) -> dict[str, FieldInfo]:
        """The fields by the keys that people write: `for` is no name in Python."""
        return {field.alias or name: field for name, field in cls.model_fields.items()}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        whole = handler(core)
        return {"anyOf": [whole, *cls.short_forms]} if cls.short_forms else whole
