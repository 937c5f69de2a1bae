"""Canned flags and segments: plain ones, one as long as they get, one full of markup."""

from __future__ import annotations

from dashboard_twin.scenes import LONG, MARKUP
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Variant
from fader.model.segment import Segment

ON_OFF = (Variant("on", True), Variant("off", False))
CHECKOUT = Flag(
    "new-checkout",
    "boolean",
    ON_OFF,
    "off",
    "off",
    rules=(
        Rule("on", 'segment("staff")'),
        Rule("on", 'country == "US" && semver(app.version) >= semver("2.10")', 300_000, "first-users"),
    ),
    forced=(Forced("ann", "on"), Forced("bob", "off")),
    description="The checkout on one page.",
    owner="payments",
)
THEME = Flag("theme", "string", (Variant("blue", "#00f"), Variant("red", "#f00")), "blue", "blue", client=True)
LIMITS = Flag(
    "limits",
    "json",
    (Variant("few", {"max": 5}), Variant("many", {"max": 50})),
    "few",
    "few",
    enabled=False,
    requires=(Prerequisite("new-checkout", ("on",)),),
)
EXTREME = Flag(
    LONG,
    "json",
    tuple(Variant(f"variant-{i:02}-{'x' * 40}", {"text": "wide " * 20, "n": i}) for i in range(12)),
    f"variant-00-{'x' * 40}",
    f"variant-01-{'x' * 40}",
    rules=tuple(
        Rule(
            f"variant-{i:02}-{'x' * 40}",
            " || ".join(f'device.operating_system_{k} == "{"v" * 30}"' for k in range(6)),
            1234 * (i + 1),
            f"rule-{i:02}",
        )
        for i in range(12)
    ),
    forced=tuple(Forced(f"unit-{i:04}", f"variant-02-{'x' * 40}") for i in range(300)),
)
MARKED = Flag(
    "marked",
    "string",
    (Variant("a", MARKUP), Variant("b", "<script>alert(5)</script>")),
    "a",
    "b",
    rules=(Rule("b", 'name == "<img src=x onerror=alert(6)>"', 500_000, "r"),),
    description=MARKUP,
    owner="<b>owner</b>",
)
STAFF = Segment("staff", 'email.endsWith("@example.com")', ("ann",), "Who works here.")
BETA = Segment("beta", "", ("u1", "u2"))


def everything() -> tuple[tuple[Flag, ...], tuple[Segment, ...]]:
    return (CHECKOUT, THEME, LIMITS), (STAFF, BETA)


def extreme() -> tuple[tuple[Flag, ...], tuple[Segment, ...]]:
    return (*everything()[0], EXTREME, MARKED), everything()[1]
