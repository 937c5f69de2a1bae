"""What a change of the ruleset touches, and what it does not."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fader.gateway.layout import Layout
from fader.gateway.resources import Resources, render
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.service import Address, Service, UnitSource, Version
from fader.model.share import WHOLE, Interval

LAYOUT = Layout(Path("/var/lib/fader/gateway"))
SHOP = Service(
    "shop",
    Address("127.0.0.1", 8080),
    (UnitSource("header", "x-user-id"),),
    (Version("v1", (Address("127.0.0.1", 9001),)), Version("v2", (Address("127.0.0.1", 9002),))),
    "v1",
)
OTHER = replace(SHOP, name="other", listen=Address("127.0.0.1", 8081))
SPLIT = Split("shop-v2", "v2", "shop/shop-v2", Interval(0, 50_000), "connect", "secret")


def resources(*services: LiveService, version: int = 1) -> Resources:
    return render(Ruleset(version, services), LAYOUT)


def changed(old: Resources, new: Resources) -> set[str]:
    paths = set(old.files) | set(new.files)
    return {
        p.name for p in paths if getattr(old.files.get(p), "version", "") != getattr(new.files.get(p), "version", "")
    }


SHARES = LiveService(SHOP, "v1", SPLIT)


@pytest.mark.parametrize("interval", [Interval(0, 0), Interval(0, WHOLE), Interval(999_999, 2), Interval(3, 4)])
def test_a_new_share_touches_only_the_runtime(interval: Interval) -> None:
    new = resources(LiveService(SHOP, "v1", replace(SPLIT, interval=interval)), version=2)
    assert changed(resources(SHARES), new) == {"rtds.json"}


def test_the_version_of_the_ruleset_alone_touches_nothing() -> None:
    assert changed(resources(SHARES, version=1), resources(SHARES, version=2)) == set()


def test_a_rollout_does_not_touch_the_port_of_the_users() -> None:
    old, new = resources(LiveService(SHOP, "v1")), resources(SHARES)
    assert changed(old, new) == {"rtds.json", "cds.json", "lds.json", "rds-127_0_0_1_8080.json"}
    name = "127_0_0_1_8080"
    (before,), (after,) = (
        [x for x in r.files[LAYOUT.lds].document["resources"] if x["name"] == name] for r in (old, new)
    )
    assert before == after, "Envoy drains a listener whose configuration changes"


@pytest.mark.parametrize(
    "change",
    [
        {"unit": (UnitSource("cookie", "sid", issue=True),)},
        {"sample": 1_000},
        {"timeout": 3.0, "idle_timeout": 4.0},
        {"hosts": ("shop.example",)},
        {"versions": (*SHOP.versions, Version("v3", (Address("127.0.0.1", 9003),)))},
    ],
)
def test_no_setting_of_a_service_touches_its_listener(change: dict[str, object]) -> None:
    new = resources(LiveService(replace(SHOP, **change), "v1"))
    assert "lds.json" not in changed(resources(LiveService(SHOP, "v1")), new)


def test_services_on_other_ports_are_not_touched() -> None:
    old = resources(LiveService(SHOP, "v1"), LiveService(OTHER, "v1"))
    new = resources(LiveService(SHOP, "v1", SPLIT), LiveService(OTHER, "v1"))
    assert "rds-127_0_0_1_8081.json" not in changed(old, new)


def test_the_bootstrap_knows_no_service() -> None:
    assert resources().bootstrap == resources(SHARES).bootstrap
    assert "shop" not in json.dumps(resources(SHARES).bootstrap)


def test_the_version_stands_in_the_file() -> None:
    for entry in resources(SHARES).files.values():
        assert entry.document["version_info"] == entry.version
        assert entry.kind == "sds" or entry.ack.endswith("version_text")


def test_the_same_input_gives_the_same_bytes() -> None:
    one, two = (json.dumps(render(Ruleset(1, (SHARES,)), LAYOUT).check) for _ in range(2))
    assert one == two


def test_an_empty_preview_opens_nothing() -> None:
    closed = resources(LiveService(SHOP, "v1", replace(SPLIT, preview="")))
    assert "fader_preview" not in json.dumps(closed.check["static_resources"]["listeners"])


def test_several_endpoints_of_the_baseline_are_tried_in_turn() -> None:
    two = Version("v1", (Address("127.0.0.1", 9001), Address("::1", 9001)))
    text = json.dumps(resources(LiveService(replace(SHOP, versions=(two, SHOP.versions[1])), "v1")).check)
    assert "previous_hosts" in text
    assert "previous_hosts" not in json.dumps(resources(SHARES).check)
