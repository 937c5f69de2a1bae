"""A version of a service: a URL, a list of URLs, or `{endpoints: [...], health: {...}, http2: true}`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field, field_validator, model_validator

from fader.model.service import Address, HealthCheck, Version
from fader.schema.address import Endpoint
from fader.schema.duration import Duration
from fader.schema.noun import Noun
from fader.schema.suggest import quoted, wrong


class Health(Noun):
    """Active checks of each endpoint; a bare path is short for `{path: ...}`."""

    short_forms = ({"type": "string"},)

    path: str = "/"
    interval: Duration = 2.0
    timeout: Duration = 1.0

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        return {"path": data} if isinstance(data, str) else data

    @field_validator("path")
    @classmethod
    def _slash(cls, path: str) -> str:
        if not path.startswith("/"):
            raise wrong(f"{quoted(path)} does not begin with /", f"write /{path}")
        return path

    @model_validator(mode="after")
    def _positive(self) -> Health:
        if self.interval < 0.1 or self.timeout < 0.01:
            raise wrong("the interval is below 100ms or the timeout below 10ms", "write e.g. interval: 2s, timeout: 1s")
        return self

    def to_model(self) -> HealthCheck:
        return HealthCheck(self.path, self.interval, self.timeout)


class VersionText(Noun):
    short_forms = ({"type": "string"}, {"type": "array", "items": {"type": "string"}})

    endpoints: Annotated[list[Endpoint], Field(examples=[["http://127.0.0.1:9001"]])]
    health: Health | None = None
    http2: bool = False

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: Any) -> Any:
        if isinstance(data, str):
            return {"endpoints": [data]}
        if isinstance(data, dict) and isinstance(data.get("endpoints"), str):
            return {**data, "endpoints": [data["endpoints"]]}
        return {"endpoints": data} if isinstance(data, list) else data

    @field_validator("endpoints")
    @classmethod
    def _sound(cls, endpoints: list[Address]) -> list[Address]:
        if not endpoints:
            raise wrong("has no endpoint", "name at least one URL, e.g. http://127.0.0.1:9001")
        if twice := [e for i, e in enumerate(endpoints) if e in endpoints[:i]]:
            raise wrong(f"names {twice[0]} twice", "remove one of them")
        if len({e.tls for e in endpoints}) > 1:
            raise wrong("mixes http:// and https://", "use one of them for all endpoints of a version")
        return endpoints

    def to_model(self, name: str) -> Version:
        return Version(name, tuple(self.endpoints), self.http2, self.health.to_model() if self.health else None)
