"""What evaluating one flag costs in the process: country == "US" and a tenth of them, value with reason and variant.

    python benchmarks/flags.py [--rounds N] [--no-peers]

Against the floor (a function that looks the flag up, calls a closure written by hand and hashes once) and against the
Python SDKs of others, each in a virtual environment of its own that is made for the run and removed again. Times are
the least over many short rounds: on a machine that others use too, the least is what the code itself needs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

from xxhash import xxh64_intdigest

from access_log import pin, report, resident
from fader.assign.bucket import seed
from fader.assign.evaluate import Flags
from fader.model.flag import Flag, Rule, Variant
from fader.model.segment import Segment
from fader.sdk import Client
from fader.sdk.document import read_ruleset

UNITS = [f"user-{i}" for i in range(2_000)]
US, OTHERS = {"country": "US"}, {"country": "DE"}
ON_OFF = (Variant("on", True), Variant("off", False))
CHECKOUT = Flag("checkout", "boolean", ON_OFF, "off", "off", rules=(Rule("on", 'country == "US"', 100_000, "us"),))
EVALUATE = 'evaluate("checkout", False, unit, us)'

#: Of each peer: what pip installs, and how it is asked: ASK, with c = context(unit, country), is the value.
PEERS = {
    "Eppo": (
        "eppo-server-sdk",
        """
import eppo_client
allocation = {
    "key": "us",
    "rules": [{"conditions": [{"attribute": "country", "operator": "ONE_OF", "value": ["US"]}]}],
    "splits": [{"variationKey": "on", "shards": [{"salt": "us", "ranges": [{"start": 0, "end": 1000}]}]}],
    "doLog": False,
}
flag = {
    "key": "checkout", "enabled": True, "variationType": "BOOLEAN", "totalShards": 10000,
    "variations": {"on": {"key": "on", "value": True}}, "allocations": [allocation],
}
document = {
    "createdAt": "2026-01-01T00:00:00.000Z", "format": "SERVER", "environment": {"name": "bench"},
    "flags": {"checkout": flag},
}
client = eppo_client.init(eppo_client.ClientConfig(
    api_key="none", assignment_logger=eppo_client.AssignmentLogger(), poll_interval_seconds=None,
    initial_configuration=eppo_client.Configuration(flags_configuration=json.dumps(document).encode()),
))
context = lambda unit, country: (unit, {"country": country})
ASK = 'client.get_boolean_assignment("checkout", c[0], c[1], False)'
""",
    ),
    "GrowthBook": (
        "growthbook",
        """
from growthbook import GrowthBook
rule = {"condition": {"country": "US"}, "force": True, "coverage": 0.1, "hashAttribute": "id", "hashVersion": 2}
features = {"checkout": {"defaultValue": False, "rules": [rule | {"seed": "us"}]}}
def context(unit, country):
    return GrowthBook(features=features, attributes={"id": unit, "country": country})
ASK = 'c.eval_feature("checkout").value'
""",
    ),
    "flagd in the process": (
        "openfeature-flagd-core",
        """
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
client = FlagdCore()
tenth = {"fractional": [["on", 10], ["off", 90]]}
client.set_flags({"flags": {"checkout": {
    "state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off",
    "targeting": {"if": [{"==": [{"var": "country"}, "US"]}, tenth, "off"]},
}}})
context = lambda unit, country: EvaluationContext(unit, {"country": country})
ASK = 'client.resolve_boolean_value("checkout", False, c).value'
""",
    ),
    "Unleash": (
        "UnleashClient",
        """
import tempfile
from UnleashClient import UnleashClient
from UnleashClient.cache import FileCache
cache = FileCache("bench", directory=tempfile.mkdtemp())
strategy = {
    "name": "flexibleRollout", "parameters": {"rollout": "10", "stickiness": "userId", "groupId": "us"},
    "constraints": [{"contextName": "country", "operator": "IN", "values": ["US"]}],
}
feature = {"name": "checkout", "enabled": True, "strategies": [strategy]}
cache.bootstrap_from_dict({"version": 1, "features": [feature]})
client = UnleashClient("http://127.0.0.1:1", "bench", cache=cache, disable_metrics=True, disable_registration=True)
client.initialize_client(fetch_toggles=False)
context = lambda unit, country: {"userId": unit, "properties": {"country": country}}
ASK = 'client.is_enabled("checkout", c)'
""",
    ),
}
#: Both halves of a peer's program: around how it is asked.
BEFORE = "import json, sys, timeit\n"
AFTER = """
us, others = [[context(f"user-{i}", country) for i in range(2000)] for country in ("US", "DE")]
some = us[:100]
names = globals()
best = min(timeit.repeat(f"for c in some: {ASK}", number=1, repeat=int(sys.argv[1]), globals=names)) / len(some)
ask = eval(f"lambda c: {ASK}")
print(json.dumps([best, sum(map(ask, us)) / len(us), sum(map(ask, others)) / len(others)]))
import os
sys.stdout.flush()
os._exit(0)
"""


class OneRuleset:
    """A source that knows one ruleset and never another."""

    def __init__(self, body: bytes) -> None:
        self._body, self._end = body, Event()

    def fetch(self, have: int, wait: float) -> bytes | None:
        if have >= 0:
            self._end.wait()
            return None
        return self._body

    def close(self) -> None:
        self._end.set()

    def again(self) -> OneRuleset:
        return self


def client_of(body: bytes) -> Client:
    client = Client("http://127.0.0.1:1", "none", source=OneRuleset(body))
    client.ready()
    return client


def body_of(flags: list[Flag], segments: list[Segment]) -> bytes:
    import msgspec

    return msgspec.json.encode({"version": 1, "flags": flags, "segments": segments})


def least(question: str, rounds: int, **names: Any) -> float:
    """Seconds of one question, which is asked for each `unit`."""
    every = f"for unit in some: {question}"
    return min(timeit.repeat(every, number=1, repeat=rounds, globals=names | {"some": UNITS[:100], "us": US})) / 100


def floor() -> Callable[[str, str, dict[str, str]], tuple[bool, str, str]]:
    """What it takes at the very least, in Python."""
    salt = seed("checkout/us")
    on, off, others = (True, "on", "SPLIT"), (False, "off", "SPLIT"), (False, "off", "DEFAULT")

    def checkout(unit: str, attributes: dict[str, str]) -> tuple[bool, str, str]:
        if attributes.get("country") == "US":
            return on if xxh64_intdigest(unit.encode(), salt) % 1_000_000 < 100_000 else off
        return others

    flags = {"checkout": checkout}

    def evaluate(flag: str, unit: str, attributes: dict[str, str]) -> tuple[bool, str, str]:
        return flags[flag](unit, attributes)

    return evaluate


def peer(name: str, folder: Path, rounds: int) -> tuple[list[float], str] | str:
    """Seconds, the share of the US and of others that get it, and the version; or why it did not run."""
    package, program = PEERS[name]
    python = str(folder / package / "bin" / "python")
    pip = [python, "-m", "pip", "--quiet", "--disable-pip-version-check", "install", package]
    for command in ([sys.executable, "-m", "venv", str(folder / package)], pip):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            return (done.stderr.strip().splitlines() or ["it could not be installed"])[-1]
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    version = subprocess.run([python, "-c", asked], capture_output=True, text=True, check=True).stdout.strip()
    run = subprocess.run(
        [python, "-c", BEFORE + program + AFTER, str(rounds)], capture_output=True, text=True, check=False, timeout=300
    )
    if run.returncode:
        return (run.stderr.strip().splitlines() or ["it did not run"])[-1]
    numbers: list[float] = json.loads(run.stdout.splitlines()[-1])
    return numbers, version


def many(count: int, rounds: int) -> str:
    """A row of the second table: `count` flags with a rule of their own each, and a tenth as many segments."""
    segments = [Segment(f"segment-{i}", f'plan == "plan-{i}"', (f"user-{i}",)) for i in range(max(count // 10, 1))]
    flags = [
        Flag(
            f"flag-{i}",
            "boolean",
            ON_OFF,
            "off",
            "off",
            rules=(Rule("on", f'country == "US" && build != {i}', 100_000, "us"),),
        )
        for i in range(count - 1)
    ]
    body = body_of([*flags, CHECKOUT], segments)
    held = resident()
    began = time.perf_counter()
    ruleset = read_ruleset(body)
    compiled = Flags(ruleset.flags, ruleset.segments)
    loaded = time.perf_counter() - began
    for flag in compiled.flags:
        compiled.evaluate(flag, "user-1", US)
    asked = time.perf_counter() - began - loaded
    grown = resident() - held
    with client_of(body) as client:
        each = least(EVALUATE, rounds, evaluate=client.evaluate)
    sizes = f"| {count:,} | {len(segments):,} | {len(body) / 1e6:.1f}"
    return f"{sizes} | {loaded * 1e3:,.0f} | {asked * 1e3:,.0f} | {grown:,.0f} | {each * 1e9:,.0f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5_000)
    parser.add_argument("--no-peers", action="store_true")
    options = parser.parse_args()
    pin()
    client = client_of(body_of([CHECKOUT], []))
    on = sum(client.boolean("checkout", False, unit, US) for unit in UNITS) / len(UNITS)
    others = sum(client.boolean("checkout", False, unit, OTHERS) for unit in UNITS) / len(UNITS)
    times = {
        "the floor": least('evaluate("checkout", unit, us)', options.rounds, evaluate=floor()),
        "**fader** `evaluate`: value, variant, reason": least(EVALUATE, options.rounds, evaluate=client.evaluate),
        "**fader** `boolean`: the value": least(EVALUATE, options.rounds, evaluate=client.boolean),
    }
    client.close()
    least_of_all = times["the floor"]
    table = ["| asked | ns | of the floor | on in the US / elsewhere |", "|---|---:|---:|---:|"]
    for name, seconds in times.items():
        shares = f"{on:.1%} / {others:.1%}" if "fader" in name else ""
        table.append(f"| {name} | {seconds * 1e9:,.0f} | {seconds / least_of_all:.2f} | {shares} |")
    notes = []
    with tempfile.TemporaryDirectory() as folder:
        for name in () if options.no_peers else PEERS:
            found = peer(name, Path(folder), options.rounds // 5)
            if isinstance(found, str):
                notes.append(f"Not run: {name} ({found}).")
                continue
            (seconds, share, elsewhere), version = found
            row = f"| {name} {version} | {seconds * 1e9:,.0f} | {seconds / least_of_all:.1f}"
            table.append(f"{row} | {share:.1%} / {elsewhere:.1%} |")
    table += [
        "",
        "| flags | segments | MB of JSON | load ms | each asked once, ms | MB held then | ns of one flag |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        many(10, options.rounds),
        many(10_000, options.rounds),
    ]
    notes.insert(
        0,
        "One thread pinned to one core; the least of many rounds of 100 questions; contexts are made before. Eppo's "
        "and Unleash's answer is the value alone, GrowthBook's and flagd's carry a reason.",
    )
    notes.append("A flag is compiled when it is asked for the first time: the fifth column is that of all of them.")
    report("flags", "Evaluating a flag", 0, table, notes)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
