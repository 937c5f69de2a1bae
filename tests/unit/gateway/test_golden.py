"""The whole rendered configuration of some rulesets, word by word. A difference is either a mistake or a decision:

    python tests/unit/gateway/test_golden.py

writes the files anew, and the review reads the difference. That Envoy takes each of them is an integration test.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from fader.gateway.layout import Layout
from fader.gateway.resources import render
from fader.model.arm import Arm
from fader.model.flag import Flag, Forced, Move, Prerequisite, Rule, Variant
from fader.model.request import RequestAttribute, RequestText
from fader.model.ruleset import LiveService, Ruleset, Split
from fader.model.segment import Segment
from fader.model.service import Address, Exclusion, HealthCheck, Service, Tls, UnitSource, Version
from fader.model.share import WHOLE, Draw, Interval

GOLDEN = Path(__file__).parent / "golden"
LAYOUT = Layout(Path("/var/lib/fader/gateway"), ca="/etc/fader/ca.pem")


def address(text: str) -> Address:
    host, port = text.removeprefix("https://").rsplit(":", 1)
    return Address(host, int(port), tls=text.startswith("https://"))


def version(name: str, *endpoints: str, http2: bool = False) -> Version:
    return Version(name, tuple(map(address, endpoints)), http2)


HEADER = UnitSource("header", "X-User-Id")
COOKIE = UnitSource("cookie", "fader_uid", issue=True)
JWT = UnitSource("jwt", "sub", issuer="https://id.example", jwks="/etc/fader/jwks.json")
TWO = (version("v1", "127.0.0.1:9001"), version("v2", "127.0.0.1:9002"))
SHOP = Service("shop", address("127.0.0.1:8080"), (HEADER, COOKIE), TWO, "v1", exclude=(Exclusion(path="/healthz"),))
ON_OFF = (Variant("on", True), Variant("off", False))
SPLIT = Split("shop-v2", "v2", "shop/shop-v2", Interval(0, 50_000), "connect", "preview-secret")

RULESETS = {
    "nothing": Ruleset(1),
    "no-rollout": Ruleset(2, (LiveService(SHOP, "v1"),)),
    "five-percent": Ruleset(3, (LiveService(SHOP, "v1", SPLIT),)),
    "wrapped-with-shield-errors": Ruleset(
        4, (LiveService(SHOP, "v1", Split("r", "v2", "shop/r", Interval(900_000, 250_000), "errors", "s")),)
    ),
    "experiment-with-further-arms": Ruleset(
        8,
        (
            LiveService(
                replace(SHOP, versions=(*TWO, version("v3", "127.0.0.1:9003"), version("v4", "127.0.0.1:9004"))),
                "v1",
                replace(
                    SPLIT,
                    interval=Interval(600_000, 200_000),
                    beside=(Arm("v3", Interval(800_000, 200_000)), Arm("v4", Interval(0, 200_000), withdrawn=True)),
                ),
            ),
        ),
    ),
    "jwt-without-shield": Ruleset(
        5,
        (
            LiveService(
                Service(
                    "api.eu",
                    address("0.0.0.0:80"),
                    (JWT, HEADER, UnitSource("cookie", "sid")),
                    TWO,
                    "v1",
                    timeout=0,
                    idle_timeout=60,
                    trust_baggage=True,
                ),
                "v1",
                Split("api 50%", "v2", "api", Interval(0, WHOLE // 2), "off", "s"),
            ),
        ),
    ),
    "hosts-tls-dns-sample": Ruleset(
        6,
        (
            LiveService(
                Service(
                    "web",
                    address("localhost:8443"),
                    (COOKIE,),
                    (
                        version("v1", "https://web-1.internal:443", "https://web-2.internal:443", http2=True),
                        version("v2", "https://10.0.0.7:8443", "10.0.0.8:8080"),
                    ),
                    "v1",
                    hosts=("web.example", "*.web.example"),
                    tls=Tls("/etc/fader/web.pem", "/etc/fader/web.key"),
                    exclude=(Exclusion(prefix="/static/"),),
                    health=HealthCheck("/healthz", 2.5, 1),
                    sample=100_000,
                ),
                "v1",
                Split("web-v2", "v2", "web/web-v2", Interval(0, 10_000), "connect", "s"),
            ),
            LiveService(
                Service(
                    "docs",
                    address("127.0.0.1:8443"),
                    (HEADER,),
                    (version("only", "127.0.0.1:9003"),),
                    "only",
                    tls=Tls("/etc/fader/docs.pem", "/etc/fader/docs.key"),
                ),
                "only",
            ),
            LiveService(Service("old", address("127.0.0.1:8443"), (), TWO, "v1", hosts=("old.example",)), "v2"),
        ),
    ),
    "flags-in-a-header": Ruleset(
        9,
        (
            LiveService(replace(SHOP, flags=("checkout", "banner", "closed", "after"), sample=500_000), "v1", SPLIT),
            LiveService(Service("plain", address("127.0.0.1:8081"), (HEADER,), TWO, "v1", flags=("banner",)), "v1"),
        ),
        flags=(
            Flag(
                "checkout",
                "boolean",
                ON_OFF,
                "off",
                "off",
                rules=(
                    Rule("on", 'segment("beta")'),
                    Rule("on", 'segment("staff") || unit == "zoe"', 500_000, "half-of-staff"),
                    Rule("on", share=100_000, name="first-users"),
                ),
                forced=(Forced("ann", "on"), Forced("bob", "off")),
            ),
            Flag(
                "banner",
                "string",
                (Variant("green", "#0f0"), Variant("red", "#f00"), Variant("none", "")),
                "none",
                "none",
                rules=(Rule("green", share=300_000, name="a"), Rule("red")),
            ),
            Flag("closed", "boolean", ON_OFF, "on", "off", enabled=False),
            Flag("before", "boolean", ON_OFF, "on", "off"),
            Flag(
                "after",
                "boolean",
                ON_OFF,
                "on",
                "off",
                requires=(Prerequisite("before", ("on",)), Prerequisite("banner", ("green", "red"))),
            ),
        ),
        segments=(Segment("beta", units=("carl", "dörte")), Segment("staff", 'segment("beta")', ("emil",))),
    ),
    "audience": Ruleset(
        11,
        (
            LiveService(SHOP, "v1", replace(SPLIT, audience='segment("staff") || request.cookies["beta"] == "1"')),
            LiveService(
                replace(SHOP, name="api", listen=address("127.0.0.1:8082"), unit=(HEADER,)),
                "v1",
                replace(SPLIT, audience='country == "US"', forced=(Forced("ann", "v2"), Forced("bob", "v1"))),
            ),
        ),
        segments=(Segment("staff", 'unit.endsWith("@example.com")', tuple(f"u{n}" for n in range(21))),),
    ),
    "moved-flags-that-the-gateway-tells": Ruleset(
        12,
        (
            LiveService(
                Service(
                    "shop",
                    address("127.0.0.1:8080"),
                    (HEADER,),
                    TWO,
                    "v1",
                    flags=("form", "banner"),
                    exposures="gateway",
                ),
                "v1",
            ),
        ),
        flags=(
            Flag(
                "form",
                "boolean",
                ON_OFF,
                "off",
                "off",
                rules=(Rule("on", 'unit == "ann"'),),
                move=Move(
                    "new-form",
                    "on",
                    "form/new-form",
                    Interval(900_000, 200_000),
                    audience='unit.startsWith("b")',
                    layer=Draw("layer/front", Interval(0, 300_000)),
                    holdouts=(Draw("holdout/q4", Interval(0, 50_000)),),
                ),
            ),
            Flag("banner", "boolean", ON_OFF, "off", "off"),
        ),
    ),
    "conditions-over-requests": Ruleset(
        10,
        (
            LiveService(
                replace(
                    SHOP,
                    flags=("menu",),
                    flags_as="both",
                    trust_baggage=True,
                    attributes=(
                        RequestAttribute("country", RequestText("header", "x-country")),
                        RequestAttribute(
                            "plan", RequestText("claim", "plan", "https://id.example", "/etc/fader/jwks.json")
                        ),
                        RequestAttribute("unused", RequestText("cookie", "unused")),
                    ),
                ),
                "v1",
            ),
        ),
        flags=(
            Flag(
                "menu",
                "boolean",
                ON_OFF,
                "off",
                "off",
                rules=(
                    Rule("off", 'country != "US" && !request.path.startsWith("/shop/")'),
                    Rule(
                        "on", 'plan in ["pro", "team"] || request.cookies["beta"].matches("^[^0]+$")', 500_000, "half"
                    ),
                    Rule("on", '!has(request.query["old"]) && request.host.endsWith(".example")'),
                ),
            ),
        ),
    ),
}


def rendered(name: str) -> str:
    resources = render(RULESETS[name], LAYOUT)
    document = {path.name: entry.document for path, entry in resources.files.items()}
    document["bootstrap.json"] = resources.bootstrap
    return json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


@pytest.mark.parametrize("name", RULESETS)
def test_the_rendered_configuration_is_the_golden_one(name: str) -> None:
    assert rendered(name) == (GOLDEN / f"{name}.json").read_text()


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} == set(RULESETS)


if __name__ == "__main__":
    for each in RULESETS:
        (GOLDEN / f"{each}.json").write_text(rendered(each))
