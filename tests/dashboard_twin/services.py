"""Canned services: what their versions answered over the last hour, and what the gateways hold of them."""

from __future__ import annotations

import math

from dashboard_twin.scenes import MARKUP, wobble
from fader.gateway.bootstrap import LATENCY_BUCKETS
from fader.model.ruleset import LiveService, Split
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import Interval
from fader.model.traffic import Slot, VersionTraffic
from fader.ports.control import ServiceView

BOUNDS = (*(b / 1000 for b in LATENCY_BUCKETS), 1e9)


def service(name: str = "shop", versions: tuple[str, ...] = ("v1", "v2", "v3"), port: int = 8080) -> Service:
    made = tuple(
        Version(v, tuple(Address("127.0.0.1", 9000 + 10 * i + j) for j in range(1 + i % 2)))
        for i, v in enumerate(versions)
    )
    return Service(name, Address("127.0.0.1", port), (UnitSource("header", "x-user-id"),), made, versions[0])


def bins(requests: int, middle: float, spread: float) -> tuple[tuple[float, int], ...]:
    """Log-normal durations around `middle` ms."""

    def below(bound: float) -> float:
        return 0.5 * (1 + math.erf(math.log(bound / middle) / (spread * math.sqrt(2))))

    edges = [0.0, *(below(b) for b in BOUNDS)]
    return tuple((b, round(requests * (edges[i + 1] - edges[i]))) for i, b in enumerate(BOUNDS))


def traffic(
    version: str,
    now: float,
    rate: float,
    middle: float,
    *,
    failed: float = 0.003,
    since: float = 3600.0,
    seed: float = 1.0,
) -> VersionTraffic:
    slots, at = [], now - now % 10 - since
    while at <= now:
        requests = round(10 * rate * (1 + 0.25 * wobble(at / 900, seed) + 0.08 * wobble(at / 20, seed)))
        slow = middle * (1 + 0.25 * wobble(at / 300, seed + 1))
        slots.append(Slot(at, 10.0, requests, round(requests * failed), bins(requests, slow, 0.55)))
        at += 10
    return VersionTraffic(version, tuple(slots), sum(s.requests for s in slots) * 9, sum(s.errors for s in slots) * 9)


def shop(now: float) -> ServiceView:
    """v1 serves, v2 has come in half an hour ago, v3 is not asked for anything."""
    came = traffic("v2", now, 31.0, 96.0, failed=0.0035, since=1800.0, seed=3.0)
    before = tuple(Slot(s.at, 10.0) for s in traffic("v2", now, 1.0, 9.0).slots if s.at < came.slots[0].at)
    return ServiceView(
        service(),
        "v1",
        "v2",
        (
            traffic("v1", now, 94.0, 88.0),
            VersionTraffic("v2", (*before, *came.slots), came.requests, came.errors),
            VersionTraffic("v3", tuple(Slot(s.at, 10.0) for s in (*before, *came.slots))),
        ),
        (),
    )


def quiet(now: float, name: str = "mail") -> ServiceView:
    """No gateway has counted anything."""
    return ServiceView(service(name, ("v1", "v2"), 8081), "v1", "", (VersionTraffic("v1"), VersionTraffic("v2")), ())


def young(now: float, name: str = "search") -> ServiceView:
    """Two minutes old, with a gap in its reports."""
    its = traffic("v1", now, 3.0, 12.0, since=120.0)
    gap = tuple(s for i, s in enumerate(its.slots) if i not in (4, 5))
    return ServiceView(
        service(name, ("v1", "v2"), 8082), "v1", "v2", (VersionTraffic("v1", gap, 300, 1), VersionTraffic("v2")), ()
    )


LONG_SERVICE = "a-service-with-a-name-as-long-as-the-schema-will-allow-it-to-be"


def extreme(now: float) -> ServiceView:
    versions = tuple(
        f"release-2026-11-{d:02}.build-482{d:02}-with-a-name-that-does-not-want-to-end" for d in range(1, 9)
    )
    many = tuple(
        traffic(v, now, 20_000.0 / (i + 1), 0.4 * 9**i if i < 5 else 40.0, seed=i) for i, v in enumerate(versions)
    )
    return ServiceView(service(LONG_SERVICE, versions, 8083), versions[0], versions[1], many, ())


def markup(now: float) -> ServiceView:
    versions = ("<u>v1</u>", "<u>v2</u>")
    return ServiceView(
        service(MARKUP, versions), versions[0], versions[1], tuple(traffic(v, now, 9.0, 20.0) for v in versions), ()
    )


def live() -> tuple[LiveService, ...]:
    """A quarter of shop's units have v2 (by `scenes.ramping`); mail has no rollout; search learns."""
    return (
        LiveService(service(), "v1", Split("shop-v2", "v2", "shop/shop-v2", Interval(0, 250_000), "connect", "s3cret")),
        LiveService(service("mail", ("v1", "v2"), 8081), "v1"),
        LiveService(
            service("search", ("v1", "v2"), 8082),
            "v1",
            Split("search-v3", "v2", "search/search-v3", Interval(0, 0), "connect", "s3cret"),
        ),
    )


def everything(now: float) -> tuple[ServiceView, ...]:
    return shop(now), quiet(now), young(now)
