"""JSON Schema of `fader.yaml`, for completion and checks in editors."""

from __future__ import annotations

from typing import Any

from fader.schema.document import FileText


def json_schema() -> dict[str, Any]:
    """Draft 2020-12. Names that point at each other are beyond it; `fader plan` checks those."""
    schema = FileText.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "fader.yaml"}
