"""`tracing:` of fader.yaml: where a trace is looked at."""

from __future__ import annotations

from pydantic import Field, field_validator

from fader.model.settings import TRACE_ID
from fader.schema.noun import Noun
from fader.schema.suggest import wrong
from fader.schema.url import web_url

_FIX = "write e.g. https://trace.example.com/trace/{trace_id}"


class TracingText(Noun):
    url: str = Field(examples=["https://trace.example.com/trace/{trace_id}"])

    @field_validator("url")
    @classmethod
    def _link(cls, url: str) -> str:
        filled = url.replace(TRACE_ID, "0" * 32)
        host = web_url(url, _FIX, ("the url holds a password, and a page shows it", _FIX)).netloc
        if filled == url or TRACE_ID in host:
            raise wrong("has no place for the trace", f"put {TRACE_ID} into its path: {_FIX}")
        if "{" in filled or "}" in filled:
            raise wrong("holds something else in braces", f"only {TRACE_ID} is filled in: {_FIX}")
        return url
