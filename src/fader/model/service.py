"""A service: an upstream behind the gateway. Its versions are the variants of one flag of kind `service`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fader.model.request import RequestAttribute


@dataclass(frozen=True, slots=True)
class Address:
    """Where something listens or is reached. `host` is a name or an IP address; `tls` only for upstreams."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnitSource:
    """One place where the unit's id may stand. The first source of a service that yields a non-empty id wins.

    kind `header`: `name` is the header. kind `cookie`: `name` is the cookie; with `issue` the gateway makes an
    anonymous id where none is present, and with `continuity` an issued id comes before all other sources. kind `jwt`:
    `name` is the claim (`sub`), verified against `issuer` and the keys in the file `jwks`.
    """

    kind: Literal["header", "cookie", "jwt"]
    name: str
    issue: bool = False
    issuer: str = ""
    jwks: str = ""
    continuity: bool = False


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Requests that go to the baseline and are no evidence. Exactly one of the fields is set."""

    path: str = ""
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Active checks of each endpoint; times in seconds."""

    path: str = "/"
    interval: float = 2.0
    timeout: float = 1.0


@dataclass(frozen=True, slots=True)
class Version:
    """`health`: the version's own checks; None: those of the service."""

    name: str
    endpoints: tuple[Address, ...]
    http2: bool = False
    health: HealthCheck | None = None


@dataclass(frozen=True, slots=True)
class Tls:
    cert: str
    key: str


@dataclass(frozen=True, slots=True)
class Service:
    """What `fader.yaml` says of a service; times in seconds, 0 is "no limit".

    `baseline` is the version that the file names; which one serves as baseline *now* is `LiveService.baseline`.
    `flags`: those that the gateway decides and sends to the app, by name, in a header of their own, in the baggage
    or in both. `attributes`: of its requests, for conditions. `exposures`: who tells that a unit met a flag which a
    rollout moves: the app that asks or reads it, or the gateway that hands it over.
    """

    name: str
    listen: Address
    unit: tuple[UnitSource, ...]
    versions: tuple[Version, ...]
    baseline: str
    hosts: tuple[str, ...] = ("*",)
    tls: Tls | None = None
    exclude: tuple[Exclusion, ...] = ()
    health: HealthCheck | None = None
    timeout: float = 15.0
    idle_timeout: float = 300.0
    trust_baggage: bool = False
    sample: int = 1_000_000
    flags: tuple[str, ...] = ()
    attributes: tuple[RequestAttribute, ...] = ()
    flags_as: Literal["header", "baggage", "both"] = "header"
    exposures: Literal["app", "gateway"] = "app"

    def version(self, name: str) -> Version:
        """Raises KeyError."""
        return {v.name: v for v in self.versions}[name]
