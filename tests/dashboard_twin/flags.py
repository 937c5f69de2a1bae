"""Canned flags and segments: plain ones, one as long as they get, one full of markup."""

from __future__ import annotations

from dashboard_twin.scenes import LONG, MARKUP
from fader.model.codebase import LONGEST_PLACE, Codebase, Found
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Variant
from fader.model.segment import Segment
from fader.ports.states import StateStore

PLACES = ("page.py:41", "page.py:97", "payment.py:12", "templates/basket.html:30", "tests/test_page.py:18")
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


#: A codebase, and what a search of it found.
Search = tuple[Codebase, tuple[Found, ...]]


def searches(now: float) -> tuple[Search, ...]:
    """Of `everything`, oldest first: one codebase names new-checkout, and theme no longer; another names neither."""
    day = 86_400.0
    checkout = Found("new-checkout", 12, 4, tuple(f"src/checkout/{at}" for at in PLACES))
    none = tuple(Found(name) for name in ("new-checkout", "theme", "limits"))
    return (
        (Codebase("shop", now - 9 * day, "ci"), (checkout, Found("theme", 2, 1, ("src/colours.py:7",)), none[2])),
        (Codebase("mail", now - 2 * day, "ci"), none),
        (Codebase("shop", now - 7200.0, "ci"), (checkout, *none[1:])),
    )


def many_searches(now: float) -> tuple[Search, ...]:
    """Of `extreme`: more codebases than a page shows, with names, numbers and places as long as they get."""
    deep = "/".join(["services", "a-folder-with-a-long-name", *["inner"] * 30])
    wide = tuple(f"{deep[: LONGEST_PLACE - 10]}:{100_000 + i}" for i in range(5))
    marked = Found("marked", 2, 1, (f"{MARKUP}.py:1", "<script>alert(7)</script>:2"))
    loud = tuple(
        (Codebase(f"{'code-' * 11}{i:04}", now - 60.0 * i), (Found(LONG, 987_654_321 - i, 123_456, wide), marked))
        for i in range(22)
    )
    before, after = Codebase("was", now - 9e6, "ci"), Codebase("was", now - 8e6, "ci")
    gone = ((before, (Found(LONG, 1, 1), Found("limits", 1, 1))), (after, (Found(LONG), Found("limits"))))
    return (*loud, *gone, (Codebase("never-searched-for-it", now - 9e6), ()))


def report(states: StateStore, found: tuple[Search, ...]) -> None:
    for search in found:
        states.put_codebase(*search)
