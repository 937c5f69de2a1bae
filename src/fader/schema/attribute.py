"""Where a request holds an attribute: `{header: x-country}`, `{cookie: NAME}`, `{query: NAME}`, `{jwt: {...}}`."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, model_validator

from fader.assign.cel import ROOT, UNIT
from fader.assign.request import REQUEST, Unreachable, named
from fader.model.request import RequestAttribute, RequestText
from fader.schema.file import ReadableFile
from fader.schema.noun import Noun
from fader.schema.suggest import quoted, wrong

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_OWN = {UNIT: "the unit itself", ROOT: "all attributes", REQUEST: "the request itself"}


class Claim(Noun):
    """A claim of a verified token. `jwks` is a file with the issuer's public keys."""

    issuer: str = Field(min_length=1, examples=["https://accounts.example.com"])
    jwks: ReadableFile = Field(examples=["jwks.json"])
    claim: str = Field(min_length=1, pattern=r"^[^:)\s]+$", examples=["plan"])


class AttributeText(Noun):
    """Exactly one of header, cookie, query and jwt. A bare name such as `x-country` is short for
    `{header: x-country}`."""

    short_forms = ({"type": "string"},)

    header: str | None = None
    cookie: str | None = None
    query: str | None = None
    jwt: Claim | None = None

    @model_validator(mode="before")
    @classmethod
    def _short(cls, data: object) -> object:
        return {"header": data} if isinstance(data, str) else data

    @model_validator(mode="after")
    def _one(self) -> AttributeText:
        given = [k for k in ("header", "cookie", "query", "jwt") if getattr(self, k) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of header, cookie, query and jwt"
            raise wrong(f"names {found}", "write one of them, e.g. {header: x-country}")
        if self.jwt is None:
            self._text()
        return self

    def _text(self) -> RequestText:
        if self.jwt is not None:
            return RequestText("claim", self.jwt.claim, self.jwt.issuer, self.jwt.jwks)
        kinds: tuple[Literal["header", "cookie", "query"], ...] = ("header", "cookie", "query")
        kind, name = next((kind, name) for kind in kinds if (name := getattr(self, kind)) is not None)
        try:
            return named(kind, name.lower() if kind == "header" else name)
        except Unreachable as no:
            raise wrong(no.reason, no.fix, (kind,)) from None

    def to_model(self, name: str) -> RequestAttribute:
        return RequestAttribute(name, self._text())


def bad_attribute(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of an attribute and the fix, or None."""
    if name in _OWN:
        return f"{name} is {_OWN[name]} in conditions", "take another name"
    if not _NAME.fullmatch(name):
        return f"{quoted(name)} cannot be an attribute's name", "use letters, digits and _, at most 63, no digit first"
    return None
