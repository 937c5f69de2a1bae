"""Rulesets and those who ask, drawn by a seed: what every way to an answer must answer alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import yaml
from tests.unit.assign.rulesets import ATTRIBUTES, LISTED, OTHERS, UNITS, asker

#: Of what a request holds, which a gateway decides too; `tier` is a header, by the name that the service gives it.
REQUESTS = (
    'tier == "gold"',
    'tier != "gold"',
    '!(tier in ["gold", "ärmel"]) || unit == "user-3"',
    'request.headers["x-tier"].startsWith("go") && request.path != "/"',
    'has(request.headers["x-tier"]) ? request.query["q"] == "a b" : segment("listed")',
    '!has(request.query["q"])',
    'request.query["q"].matches("^[a-m]")',
    'request.cookies["beta"] == "1" || !(request.path.startsWith("/shop"))',
    'request.path.endsWith(".png") && !segment("others")',
    'request.method == "POST" || request.host.contains("example")',
)
#: Its values; None is that it is not there.
HELD: dict[str, Sequence[str | None]] = {
    "headers": ("gold", "go", "silver", "ärmel", "GOLD", None),
    "cookies": ("1", "0", None),
    "query": ("a b", "m+n", "é&x=1", "zoo", None),
}
NAMES = {"headers": "x-tier", "cookies": "beta", "query": "q"}
PATHS = ("/", "/shop", "/shop/a.png", "/shopping%20list", "/img.png", "/a.png/b", "/my/shop")


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
    sent = {f"r{seed}-sent-{n}": _flag(random, (*UNITS, *REQUESTS), gateway=True) for n in range(10)}
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
        "attributes": {"tier": {"header": NAMES["headers"]}},
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


def _asker(random: Random) -> tuple[str, dict[str, Any]]:
    """With what their request holds, as an app would pass it on."""
    unit, attributes = asker(random)
    drawn = {kind: random.choice(values) for kind, values in HELD.items()}
    request: dict[str, Any] = {kind: {} if v is None else {NAMES[kind]: v} for kind, v in drawn.items()}
    request |= {"path": random.choice(PATHS), "method": random.choice(("GET", "POST"))}
    request["host"] = random.choice(("shop.example", "localhost:8080"))
    return unit, {**attributes, "tier": drawn["headers"], "request": request}


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
