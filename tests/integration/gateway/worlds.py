"""Rulesets for tests: a shop with two versions and a rollout from v1 to v2."""

from __future__ import annotations

from fader.model.rollout import Shield
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import WHOLE, Interval

HEADER = UnitSource("header", "x-user-id")
COOKIE = UnitSource("cookie", "fader_uid", issue=True)
SECRET = "s3cret-preview-0123456789"


def local(*ports: int) -> tuple[Address, ...]:
    return tuple(Address("127.0.0.1", port) for port in ports)


def shop(listen: int, v1: int, v2: int, **fields: object) -> Service:
    given: dict[str, object] = {
        "name": "shop",
        "listen": Address("127.0.0.1", listen),
        "unit": (HEADER, COOKIE),
        "versions": (Version("v1", local(v1)), Version("v2", local(v2))),
        "baseline": "v1",
        **fields,
    }
    return Service(**given)


def split(share: int = WHOLE, start: int = 0, shield: Shield = "connect", salt: str = "shop/shop-v2") -> Split:
    return Split("shop-v2", "v2", salt, Interval(start, share), shield, SECRET)


def world(*services: LiveService, version: int = 1) -> Ruleset:
    return Ruleset(version, services)


def live(service: Service, active: Split | None = None, baseline: str = "v1") -> LiveService:
    return LiveService(service, baseline, active)
