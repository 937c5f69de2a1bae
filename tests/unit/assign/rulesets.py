"""Rulesets and those who ask, drawn by a source of chance: `random.Random`, or Hypothesis in its place.

    python rulesets.py SEED COUNT

prints the answers of the ruleset of SEED to COUNT askers: the same in every process and on every machine.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import Any

from fader.assign.evaluate import Flags
from fader.model.arm import Arm
from fader.model.flag import Flag, Forced, HeldOut, Move, Piece, Prerequisite, Rule, Variant
from fader.model.segment import Segment
from fader.model.share import WHOLE, Draw, Interval

#: Conditions, each about one or two attributes.
ATTRIBUTES = (
    'country == "US"',
    'country != "DE" && has(plan)',
    'country in ["US", "CA", "Österreich"]',
    '!(country == "US")',
    "age >= 18",
    "age < 65.5 || pro",
    "big == 9007199254740993",
    "big > -1e3",
    "pro",
    "!pro",
    'pro ? plan == "team" : age > 40',
    '"beta" in groups',
    '!("beta" in groups)',
    'device.os == "ios"',
    "has(device.os)",
    'context["custom-plan"].startsWith("gold")',
    'email.endsWith("@example.com")',
    'email.contains("+")',
    'email.matches("^[a-m][a-z.]*@")',
    'semver(version) >= semver("2.10")',
    'timestamp(created) < timestamp("2026-01-31T00:00:00Z")',
    'ip in cidr("10.0.0.0/8") || ip in cidr("2001:db8::/32")',
    'segment("people")',
    '!segment("people")',
    'unit.startsWith("user-1")',
)
#: Of units alone.
UNITS = (
    'segment("listed")',
    'segment("listed") && segment("others")',
    'unit == "user-7"',
    'unit in ["user-1", "Jörg", "a b=c"]',
    'segment("others") || unit == "user-3"',
)
#: Values that an attribute has, now and then of another type than conditions ask for.
VALUES: dict[str, Sequence[Any]] = {
    "country": ("US", "DE", "CA", "Österreich", "us", "", 1, None),
    "plan": ("pro", "team", "", None),
    "age": (17, 18, 18.0, 65.4, 65.5, 90, -1, "18", None),
    "big": (9007199254740993, 9007199254740992, 2**63 - 1, -(2**70), 1.5e300, "0", None),
    "pro": (True, False, 1, "true", None),
    "groups": ([], ["beta"], ["alpha", "beta", 3], {"beta": False}, "beta", None),
    "device": ({"os": "ios"}, {"os": None}, {}, "ios", None),
    "custom-plan": ("gold", "golden", "silver", 5, None),
    "email": ("ann@example.com", "zoe+x@example.com", "ann.b@example.org", "é@example.com", "", 5),
    "version": ("2.10.0", "2.9", "2.10.0-rc.1", "10", "v2", 2, None),
    "created": ("2026-01-30T23:59:59Z", "2026-01-31T01:00:00+02:00", 1769817600, "yesterday", None),
    "ip": ("10.1.2.3", "11.1.2.3", "2001:db8::1", "::1", "10.0.0.0/8", None),
}
LISTED = ("user-1", "user-2", "Jörg", "é" * 128, "x" * 256, "a b=c", "日本", "user-40")
OTHERS = ("user-2", "user-3", "🦊", "Jörg", "a,b", '"quoted"', "%41")
#: Empty, long and odd.
STRANGE = (*LISTED, *OTHERS, "", "é" * 127 + "x", "é" * 128 + "y", "x" * 256 + "z", "x" * 255 + "é", "🦊" * 80, "a\tb")
SHARES = (1, 123_456, 333_333, 500_000, 999_999, WHOLE)
VARIANTS = (Variant("a", 1), Variant("b", 2), Variant("c", 3))

Ruleset = tuple[list[Flag], list[Segment]]


def ruleset(random: Random, count: int = 5) -> Ruleset:
    """`count` flags; each may require those before it."""
    segments = [
        Segment("listed", units=LISTED),
        Segment("others", 'segment("inner") || unit == "user-3"', OTHERS),
        Segment("inner", 'unit == "user-40"'),
        Segment("people", random.choice(ATTRIBUTES[:10]), ("user-5", "日本")),
    ]
    flags: list[Flag] = []
    for n in range(count):
        flag = Flag(f"flag-{n}", "number", VARIANTS, "a", random.choice("abc"), enabled=random.random() < 0.9)
        flag = replace(flag, rules=tuple(_rule(random, k) for k in range(random.randint(0, 4))))
        if random.random() < 0.3:
            flag = replace(flag, forced=(Forced(random.choice(STRANGE[:10]), random.choice("abc")),))
        if flags and random.random() < 0.3:
            required = Prerequisite(random.choice(flags).name, tuple(random.sample("abc", 2)))
            flag = replace(flag, requires=(required,))
        flags.append(_moving(random, flag))
    return flags, segments


def asker(random: Random) -> tuple[str, dict[str, Any]]:
    """Unit and attributes."""
    unit = random.choice(STRANGE) if random.random() < 0.2 else f"user-{random.randrange(3_000)}"
    return unit, {name: random.choice(values) for name, values in VALUES.items() if random.random() < 0.7}


def answers(seed: int, count: int) -> list[str]:
    """A line for each asker: variant, reason and rule of each flag."""
    random = Random(seed)
    flags = Flags(*ruleset(random, 20))
    lines = []
    for unit, attributes in (asker(random) for _ in range(count)):
        found = (flags.evaluate(name, unit, attributes) for name in flags.flags)
        lines.append(" ".join(f"{f.variant}/{f.reason}/{f.rule}" for f in found))
    return lines


def _moving(random: Random, flag: Flag) -> Flag:
    """Perhaps with a rollout, units that are held out, or weights."""
    kind = random.choice(("none", "none", "move", "held", "split"))
    layer, holdout = Draw("layer/one", _interval(random)), Draw("holdout/one", Interval(0, 50_000))
    if kind == "move":
        audience, beside = random.choice(("", *ATTRIBUTES)), (Arm("c", Interval(5, 10_000), random.random() < 0.5),)
        move = Move(
            "r", "b", f"{flag.name}/r", _interval(random), beside, audience, random.choice((None, layer)), (holdout,)
        )
        return replace(flag, move=move)
    if kind == "held":
        return replace(flag, held=(HeldOut(holdout, "c"),))
    if kind == "split":
        cut = random.randint(1, WHOLE - 1)
        return replace(flag, split=(Piece("b", Interval(0, cut)), Piece("c", Interval(cut, WHOLE - cut))))
    return flag


def _interval(random: Random) -> Interval:
    return Interval(random.randrange(WHOLE), random.choice(SHARES))


def _rule(random: Random, position: int) -> Rule:
    condition = "" if random.random() < 0.3 else random.choice((*ATTRIBUTES, *UNITS))
    return Rule(random.choice("abc"), condition, random.choice(SHARES), f"rule-{position}")


if __name__ == "__main__":
    print("\n".join(answers(int(sys.argv[1]), int(sys.argv[2]))))
