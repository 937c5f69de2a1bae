"""Rulesets and those who ask, drawn by a seed: what every way to an answer must answer alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml

#: Conditions, and so who gets what, that a gateway cannot decide: each is about one or two attributes.
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
#: Of units alone, which a gateway decides too.
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
STRANGE = (*LISTED, *OTHERS, "", "é" * 127 + "x", "é" * 128 + "y", "x" * 256 + "z", "x" * 255 + "é", "🦊" * 80, "a\tb")


@dataclass(frozen=True, slots=True)
class Table:
    """A fader.yaml, the flags in it that the service `web` sends, and who asks."""

    text: str
    flags: tuple[str, ...]
    sent: tuple[str, ...]
    askers: tuple[tuple[str, dict[str, Any]], ...]


def table(seed: int, count: int, *, listen: int, app: int) -> Table:
    """`count` askers; the service listens on port `listen` in front of `app`."""
    random = Random(seed)
    sent = {f"r{seed}-sent-{n}": _flag(random, UNITS, gateway=True) for n in range(10)}
    others: dict[str, dict[str, Any]] = {}
    for n in range(20):
        flag = _flag(random, (*ATTRIBUTES, *UNITS))
        if random.random() < 0.3:
            before = random.choice([*sent, *others])
            variants = list((sent | others)[before]["variants"])
            flag["requires"] = {before: random.sample(variants, random.randint(1, len(variants) - 1))}
        others[f"r{seed}-{n}"] = flag
    service = {
        "listen": f"127.0.0.1:{listen}",
        "unit": [{"header": "x-user-id"}],
        "versions": {"v1": f"http://127.0.0.1:{app}"},
        "baseline": "v1",
        "flags": list(sent),
    }
    segments = {
        "listed": {"units": list(LISTED)},
        "others": {"when": 'segment("inner") || unit == "user-3"', "units": list(OTHERS)},
        "inner": {"when": 'unit == "user-40"'},
        "people": {"when": random.choice(ATTRIBUTES[:10]), "units": ["user-5", "日本"]},
    }
    document = {"services": {"web": service}, "flags": sent | others, "segments": segments}
    text = yaml.safe_dump(document, allow_unicode=True, sort_keys=False)
    return Table(text, (*sent, *others), tuple(sent), tuple(_asker(random) for _ in range(count)))


def _flag(random: Random, conditions: Sequence[str], *, gateway: bool = False) -> dict[str, Any]:
    kind, variants = random.choice(
        (
            ("boolean", {"on": "true", "off": "false"}),
            ("string", {"a": "x", "b": "ü", "none": ""}),
            ("number", {"few": "1", "half": "0.5", "many": "5e9"}),
            ("json", {"dark": '{"a": [1, {"b": null}]}', "light": "{}"}),
        )
    )
    default, *names = random.sample(list(variants), len(variants))
    rules = []
    for n in range(0 if random.random() < 0.1 else random.randint(1, 3 if gateway else 5)):
        rule: dict[str, Any] = {"variant": random.choice((default, *names, *names)), "name": f"rule-{n}"}
        if random.random() < 0.7:
            chosen = random.sample(conditions, 1 if gateway else random.choice((1, 1, 2)))
            rule["when"] = f" {random.choice(('&&', '||'))} ".join(f"({text})" for text in chosen)
        if random.random() < 0.7:
            rule["share"] = f"{random.choice((1, 123_456, 333_333, 500_000, 999_999)) / 10_000:.4f}%"
        rules.append(rule)
    flag: dict[str, Any] = {"kind": kind, "variants": variants, "default": default, "client": True}
    flag |= {"off": random.choice(list(variants)), "enabled": random.random() < 0.9, "rules": rules}
    if random.random() < 0.4:
        flag["units"] = {random.choice(names): random.sample((*LISTED, *OTHERS), 3)}
    return flag


def _asker(random: Random) -> tuple[str, dict[str, Any]]:
    unit = random.choice(STRANGE) if random.random() < 0.2 else f"user-{random.randrange(3_000)}"
    return unit, {name: random.choice(values) for name, values in VALUES.items() if random.random() < 0.7}
