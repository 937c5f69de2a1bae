"""Where a service finds the id of the unit: `{header: NAME}`, `{cookie: NAME, issue: true}`, `{jwt: {...}}`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from fader.assign.request import TOKEN
from fader.model.service import UnitSource
from fader.schema.file import ReadableFile
from fader.schema.noun import Noun
from fader.schema.suggest import quoted, wrong


def _header(value: object) -> str:
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        raise wrong(f"{quoted(value)} cannot be a header's name", "write e.g. x-user-id")
    name = value.lower()
    if name.startswith("x-fader"):
        raise wrong(f"{name} is fader's own header and is stripped from requests", "name another header")
    return name


def _cookie(value: object) -> str:
    if not isinstance(value, str) or not TOKEN.fullmatch(value):
        raise wrong(f"{quoted(value)} cannot be a cookie's name", "write e.g. fader_uid")
    return value


class Jwt(Noun):
    """A verified token's claim. `jwks` is a file with the issuer's public keys."""

    issuer: str = Field(min_length=1, examples=["https://accounts.example.com"])
    jwks: ReadableFile = Field(examples=["jwks.json"])
    claim: str = Field(default="sub", min_length=1)


class Unit(Noun):
    """Exactly one of header, cookie and jwt. `issue`: the gateway makes an anonymous id where none is present.
    `continuity`: an id that was issued comes before the other sources."""

    header: Annotated[str, BeforeValidator(_header)] | None = None
    cookie: Annotated[str, BeforeValidator(_cookie)] | None = None
    jwt: Jwt | None = None
    issue: bool = False
    continuity: bool = False

    @model_validator(mode="after")
    def _one(self) -> Unit:
        given = [k for k in ("header", "cookie", "jwt") if getattr(self, k) is not None]
        if len(given) != 1:
            found = " and ".join(given) or "none of header, cookie and jwt"
            raise wrong(f"names {found}", "write one per entry, e.g. [{header: x-user-id}, {cookie: fader_uid}]")
        if self.issue and self.cookie is None:
            raise wrong(
                f"issue does not go with {given[0]}", "only a cookie can be issued: {cookie: fader_uid, issue: true}"
            )
        if self.continuity and not self.issue:
            fix = "only an issued cookie can stay the unit: {cookie: fader_uid, issue: true, continuity: true}"
            raise wrong("continuity goes with issue alone", fix)
        return self

    def to_model(self) -> UnitSource:
        if self.header is not None:
            return UnitSource("header", self.header)
        if self.cookie is not None:
            return UnitSource("cookie", self.cookie, issue=self.issue, continuity=self.continuity)
        assert self.jwt is not None  # noqa: S101 - _one has seen to it
        return UnitSource("jwt", self.jwt.claim, issuer=self.jwt.issuer, jwks=self.jwt.jwks)
