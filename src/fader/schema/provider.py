"""`providers:` of fader.yaml: who measures what fader does not."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from fader.model.external import Provider
from fader.schema.duration import Duration, format_duration
from fader.schema.noun import Noun
from fader.schema.secret import SecretText
from fader.schema.suggest import quoted, wrong
from fader.schema.url import web_url

_URL_FIX = "write e.g. http://127.0.0.1:9090"
#: Seconds. `fader plan` waits for all providers, and for 30 s at most.
_SHORTEST, _LONGEST = 0.1, 20.0


class ProviderText(Noun):
    kind: Literal["prometheus", "web"] = Field(examples=["prometheus"])
    url: str = Field(examples=["http://127.0.0.1:9090"])
    token: SecretText | None = None
    timeout: Duration = 5.0

    @field_validator("token", mode="before", json_schema_input_type=SecretText)
    @classmethod
    def _no_secret(cls, token: object) -> object:
        if isinstance(token, str):
            fix = "put it into an environment variable of the server and write token: {env: NAME}, or {file: NAME}"
            raise wrong("a token does not stand in this file", fix)
        return token

    @field_validator("url")
    @classmethod
    def _reachable(cls, url: str) -> str:
        secret = "the url holds a password", "write token: {env: NAME}; secrets do not stand in this file"
        parts = web_url(url, _URL_FIX, secret)
        if parts.query or parts.fragment:
            fix = "write the part before it; what is asked stands in the metric"
            raise wrong(f"{quoted(url)} holds more than a path", fix)
        return url

    @field_validator("timeout")
    @classmethod
    def _patient(cls, timeout: float) -> float:
        if not _SHORTEST <= timeout <= _LONGEST:
            raise wrong(f"a timeout of {format_duration(timeout)} is outside 100ms to 20s", "write e.g. timeout: 5s")
        return timeout

    def to_model(self, name: str) -> Provider:
        token = self.token or SecretText.model_construct()
        return Provider(name, self.kind, self.url.rstrip("/"), token.env, token.file, self.timeout)
