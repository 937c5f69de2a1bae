"""What evaluating one flag costs in the process: country == "US" and a tenth of them, value with reason and variant.

    python benchmarks/flags.py [--rounds N] [--no-peers]

Against the floor (a function that looks the flag up, calls a closure written by hand and hashes once) and against the
Python SDKs of others, each in a virtual environment of its own that is made for the run and removed again. Times are
the least over many short rounds: on a machine that others use too, the least is what the code itself needs.
"""

from __future__ import annotations

import argparse
import os
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
from flag_peers import PEERS, peer

UNITS = [f"user-{i}" for i in range(2_000)]
US, OTHERS = {"country": "US"}, {"country": "DE"}
ON_OFF = (Variant("on", True), Variant("off", False))
CHECKOUT = Flag("checkout", "boolean", ON_OFF, "off", "off", rules=(Rule("on", 'country == "US"', 100_000, "us"),))
EVALUATE = 'evaluate("checkout", False, unit, us)'
EVALUATED = "**fader** `evaluate`: value, variant, reason"


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


def own(client: Client, rounds: int) -> dict[str, float]:
    """Seconds of the floor and of fader."""
    return {
        "the floor": least('evaluate("checkout", unit, us)', rounds, evaluate=floor()),
        EVALUATED: least(EVALUATE, rounds, evaluate=client.evaluate),
        "**fader** `boolean`: the value": least(EVALUATE, rounds, evaluate=client.boolean),
    }


def goals(of_the_floor: float, times_as_long: dict[str, float]) -> str:
    """What was set out for, and whether it is so."""
    in_python = {name: ratio for name, ratio in times_as_long.items() if PEERS[name].core == "Python"}
    nearest = {"the nearest peer": min(times_as_long, key=times_as_long.__getitem__)}
    nearest |= {"the nearest in Python": min(in_python, key=in_python.__getitem__)} if in_python else {}
    said = [f"`evaluate` takes {of_the_floor:.2f} of the floor (goal: at most 2)"]
    for what, goal in (("the nearest peer", "above 1"), ("the nearest in Python", "at least 10")):
        if what in nearest:
            said.append(
                f"{what}, {nearest[what]}, takes {times_as_long[nearest[what]]:.1f} times as long (goal: {goal})"
            )
    return "; ".join(said) + "."


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
    times, theirs, notes = own(client, options.rounds), {}, []
    with tempfile.TemporaryDirectory() as folder:
        for name in () if options.no_peers else PEERS:
            found = peer(name, Path(folder), options.rounds // 5)
            if isinstance(found, str):
                notes.append(f"Not run: {name} ({found}).")
            else:
                theirs[name] = found
    # Again behind the peers: what a busy neighbour cost once, it did not cost twice.
    times = {name: min(seconds, times[name]) for name, seconds in own(client, options.rounds).items()}
    client.close()
    least_of_all = times["the floor"]
    table = ["| asked | core | ns | of the floor | on in the US / elsewhere |", "|---|---|---:|---:|---:|"]
    for name, seconds in times.items():
        shares = f"{on:.1%} / {others:.1%}" if "fader" in name else ""
        table.append(f"| {name} | Python | {seconds * 1e9:,.0f} | {seconds / least_of_all:.2f} | {shares} |")
    for name, ((seconds, share, elsewhere), version) in sorted(theirs.items(), key=lambda item: item[1][0][0]):
        row = f"| {name} {version} | {PEERS[name].core} | {seconds * 1e9:,.0f} | {seconds / least_of_all:.1f}"
        table.append(f"{row} | {share:.1%} / {elsewhere:.1%} |")
    if theirs:
        notes.append(
            goals(
                times[EVALUATED] / least_of_all,
                {name: found[0][0] / times[EVALUATED] for name, found in theirs.items()},
            )
        )
    table += [
        "",
        "| flags | segments | MB of JSON | load ms | each asked once, ms | MB held then | ns of one flag |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        many(10, options.rounds),
        many(10_000, options.rounds),
    ]
    notes.insert(
        0,
        "One thread pinned to one core; the least of many rounds of 100 questions; contexts are made before. Asked is "
        "the value. fader's `evaluate`, GrowthBook and flagd make a reason too; Flagsmith evaluates all flags.",
    )
    notes.append("A flag is compiled when it is asked for the first time: the fifth column is that of all of them.")
    report("flags", "Evaluating a flag", 0, table, notes)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
