"""`services:` of fader.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from fader.model.service import Address, Exclusion, Service, Tls
from fader.model.share import WHOLE
from fader.schema.address import Host, Listen
from fader.schema.attribute import AttributeText, bad_attribute
from fader.schema.duration import Duration
from fader.schema.environment import ServiceThere
from fader.schema.file import ReadableFile
from fader.schema.name import bad_name
from fader.schema.noun import Noun
from fader.schema.share import Share
from fader.schema.suggest import quoted, wrong
from fader.schema.unit import Unit
from fader.schema.version import Health, VersionText

#: So many flags one service may send: each costs every request somewhat less than a microsecond.
MOST_SENT = 50


class TlsText(Noun):
    """Files in PEM; with them the listener speaks TLS, HTTP/1.1 and HTTP/2."""

    cert: ReadableFile = Field(examples=["cert.pem"])
    key: ReadableFile = Field(examples=["key.pem"])


class Exclude(Noun):
    """Requests that go to the baseline and are no evidence: one exact `path`, or all below a `prefix`."""

    path: str = ""
    prefix: str = ""

    @model_validator(mode="after")
    def _one(self) -> Exclude:
        if bool(self.path) == bool(self.prefix):
            found = "both path and prefix" if self.path else "neither path nor prefix"
            raise wrong(f"names {found}", "write one per entry, e.g. {path: /healthz}")
        where = self.path or self.prefix
        if not where.startswith("/"):
            raise wrong(f"{quoted(where)} does not begin with /", f"write /{where}")
        return self


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str | dict) else value


class ServiceText(Noun):
    listen: Listen = Field(examples=["127.0.0.1:8080"])
    hosts: Annotated[list[Host], BeforeValidator(_listed, json_schema_input_type=list[Host] | Host)] = Field(
        default=["*"]
    )
    tls: TlsText | None = None
    unit: Annotated[list[Unit], BeforeValidator(_listed, json_schema_input_type=list[Unit] | Unit)] = Field(
        default=[Unit(cookie="fader_uid", issue=True)], examples=[["{cookie: fader_uid, issue: true}"]]
    )
    versions: dict[str, VersionText] = Field(examples=["{v1: http://127.0.0.1:9001, v2: http://127.0.0.1:9002}"])
    baseline: str = Field(examples=["v1"])
    exclude: Annotated[list[Exclude], BeforeValidator(_listed, json_schema_input_type=list[Exclude] | Exclude)] = Field(
        default=[]
    )
    health: Health | None = None
    timeout: Duration = 15.0
    idle_timeout: Duration = 300.0
    trust_baggage: bool = False
    sample: Share = 1_000_000
    flags: Annotated[list[str], BeforeValidator(_listed, json_schema_input_type=list[str] | str)] = Field(
        default=[], examples=["[new-checkout]"]
    )
    flags_as: Literal["header", "baggage", "both"] = "header"
    exposures: Literal["app", "gateway"] = "app"
    attributes: dict[str, AttributeText] = Field(default={}, examples=["{country: {header: x-country}}"])
    environments: dict[str, ServiceThere] = Field(default={})

    @field_validator("flags")
    @classmethod
    def _flags(cls, flags: list[str]) -> list[str]:
        if twice := [f for i, f in enumerate(flags) if f in flags[:i]]:
            raise wrong(f"names {twice[0]} twice", "remove one of them")
        if len(flags) > MOST_SENT:
            raise wrong(f"names {len(flags)} flags, more than {MOST_SENT}", "send those that the app asks for")
        return flags

    @field_validator("attributes", mode="before")
    @classmethod
    def _attributes(cls, attributes: Any) -> Any:
        for name in attributes if isinstance(attributes, dict) else ():
            if bad := bad_attribute(str(name)):
                raise wrong(*bad, (str(name),))
        return attributes

    @field_validator("hosts")
    @classmethod
    def _hosts(cls, hosts: list[str]) -> list[str]:
        if not hosts:
            raise wrong("is empty", 'remove it, or name a host; "*" is every host')
        if twice := [h for i, h in enumerate(hosts) if h in hosts[:i]]:
            raise wrong(f"names {twice[0]} twice", "remove one of them")
        return hosts

    @field_validator("unit")
    @classmethod
    def _unit(cls, unit: list[Unit]) -> list[Unit]:
        if not unit:
            raise wrong("is empty", "name where the user's id stands, e.g. [{cookie: fader_uid, issue: true}]")
        if any(u.issue for u in unit[:-1]):
            fix = "put the issued cookie last"
            raise wrong("has entries behind the issued cookie, which always holds an id", fix)
        if len(unit) == 1 and unit[0].continuity:
            fix = "name the id of who is signed in before it, e.g. {header: x-user-id}, or remove continuity"
            raise wrong("has continuity and no other source: there is nothing to continue", fix)
        return unit

    @field_validator("versions", mode="before")
    @classmethod
    def _versions(cls, versions: Any) -> Any:
        if isinstance(versions, dict | list) and not versions:
            raise wrong("has no version", "name at least one, e.g. {v1: http://127.0.0.1:9001}")
        for name in versions if isinstance(versions, dict) else ():
            if bad := bad_name(str(name), version=True):
                raise wrong(*bad, (str(name),))
        return versions

    @model_validator(mode="after")
    def _told(self) -> ServiceText:
        if self.exposures == "gateway" and not self.flags:
            raise wrong("is gateway, and the gateway hands over no flags", "name them under flags", ("exposures",))
        if self.exposures == "gateway" and self.sample < WHOLE:
            reason = "is gateway, and the log that they are read from holds a sample of the units"
            raise wrong(reason, "remove sample, or let the app tell them: exposures: app", ("exposures",))
        return self

    @model_validator(mode="after")
    def _whole(self) -> ServiceText:
        for name, version in self.versions.items():
            if Address(self.listen.host, self.listen.port) in [Address(e.host, e.port) for e in version.endpoints]:
                fix = "listen on another port than the version itself"
                raise wrong(
                    f"{self.listen} is where the service itself listens: requests would circle",
                    fix,
                    ("versions", name),
                )
        return self

    def to_model(self, name: str) -> Service:
        return Service(
            name=name,
            listen=self.listen,
            unit=tuple(u.to_model() for u in self.unit),
            versions=tuple(v.to_model(n) for n, v in self.versions.items()),
            baseline=self.baseline,
            hosts=tuple(self.hosts),
            tls=Tls(self.tls.cert, self.tls.key) if self.tls else None,
            exclude=tuple(Exclusion(e.path, e.prefix) for e in self.exclude),
            health=self.health.to_model() if self.health else None,
            timeout=self.timeout,
            idle_timeout=self.idle_timeout,
            trust_baggage=self.trust_baggage,
            sample=self.sample,
            flags=tuple(self.flags),
            flags_as=self.flags_as,
            exposures=self.exposures,
            attributes=tuple(a.to_model(n) for n, a in self.attributes.items()),
        )
