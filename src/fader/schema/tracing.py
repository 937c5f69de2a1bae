"""`tracing:` of fader.yaml: where a trace is looked at."""

from __future__ import annotations

from urllib.parse import urlsplit

from pydantic import Field, field_validator

from fader.model.settings import TRACE_ID
from fader.schema.noun import Noun
from fader.schema.suggest import quoted, wrong

_FIX = "write e.g. https://trace.example.com/trace/{trace_id}"


class TracingText(Noun):
    url: str = Field(examples=["https://trace.example.com/trace/{trace_id}"])

    @field_validator("url")
    @classmethod
    def _link(cls, url: str) -> str:
        filled = url.replace(TRACE_ID, "0" * 32)
        try:
            parts = urlsplit(filled)
            sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            raise wrong(f"{quoted(url)} is not a URL", _FIX) from None
        if not sound or any(c.isspace() for c in url) or not (url.isascii() and url.isprintable()):
            raise wrong(f"{quoted(url)} is no http:// or https:// address", _FIX)
        if parts.username is not None or parts.password is not None:
            raise wrong("the url holds a password, and a page shows it", _FIX)
        if filled == url or TRACE_ID in urlsplit(url).netloc:
            raise wrong("has no place for the trace", f"put {TRACE_ID} into its path: {_FIX}")
        if "{" in filled or "}" in filled:
            raise wrong("holds something else in braces", f"only {TRACE_ID} is filled in: {_FIX}")
        return url
