"""Laws of assignment that hold for any ruleset, as far as rollouts are concerned."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from math import sqrt

from hypothesis import given, settings
from hypothesis import strategies as st

from fader.assign.evaluate import Flags
from fader.model.flag import Flag, Forced, HeldOut, Move, Rule, Variant
from fader.model.share import WHOLE, Draw, Interval

ON_OFF = (Variant("on", True), Variant("off", False))
UNITS = [f"user-{i}" for i in range(400)]
names = st.text("abcdefgh-", min_size=1, max_size=8)
starts = st.integers(0, WHOLE - 1)
shares = st.one_of(st.sampled_from([0, 1, 50_000, WHOLE]), st.integers(0, WHOLE))


def flag(name: str, start: int, share: int, rollout: str = "r", **more: object) -> Flag:
    move = Move(rollout, "on", f"{name}/{rollout}", Interval(start, share), **more)
    return Flag(name, "boolean", ON_OFF, "off", "off", move=move)


def on(found: Flag, attributes: dict[str, object] | None = None) -> set[str]:
    flags = Flags((found,))
    return {unit for unit in UNITS if flags.evaluate(found.name, unit, attributes or {}).variant == "on"}


@given(names, starts, shares, shares)
def test_a_ramp_takes_nobody_back(name: str, start: int, one: int, other: int) -> None:
    small, large = sorted((one, other))
    assert on(flag(name, start, small)) <= on(flag(name, start, large))


@given(names, starts, shares, st.booleans(), st.integers(0, WHOLE))
def test_rules_and_forced_units_go_before_a_rollout(name: str, start: int, share: int, beta: bool, part: int) -> None:
    rules = (Rule("off", "beta == true"), Rule("on", "", part, "some"))
    found = replace(flag(name, start, share), rules=rules, forced=(Forced("user-1", "on"), Forced("user-2", "off")))
    got = on(found, {"beta": beta})
    assert "user-1" in got
    assert "user-2" not in got
    if beta:
        assert got == {"user-1"}
    else:
        assert on(replace(found, rules=(rules[1],), move=None)) <= got, "whom a rule draws stays drawn"


@settings(deadline=None, max_examples=60)
@given(names, names, starts, st.integers(100_000, 900_000), st.integers(100_000, 900_000))
def test_two_rollouts_cohorts_are_independent(one: str, other: str, start: int, first: int, second: int) -> None:
    """Chi-square of the fourfold table of 4,000 units; 28 is exceeded once in ten million tables by chance (60 are
    drawn, each time others)."""
    units = [f"u{i}" for i in range(4_000)]
    flags = Flags((flag(one, start, first, "r1"), flag(other + "2", start, second, "r2")))
    a = [flags.evaluate(one, unit, {}).variant == "on" for unit in units]
    b = [flags.evaluate(other + "2", unit, {}).variant == "on" for unit in units]
    n, na, nb = len(units), sum(a), sum(b)
    both = sum(x and y for x, y in zip(a, b, strict=True))
    expected = na * nb / n
    spread = sqrt(na * (n - na) * nb * (n - nb) / n**2 / (n - 1))
    assert ((both - expected) / spread) ** 2 < 28
    assert abs(na / n - first / WHOLE) < 5.5 * sqrt(0.25 / n)


@given(names, st.lists(st.integers(0, WHOLE // 3), min_size=2, max_size=3), starts, shares)
def test_rollouts_of_a_layer_share_nobody(layer: str, slices: list[int], start: int, share: int) -> None:
    at, cohorts = 0, []
    for i, width in enumerate(slices):
        draw = Draw(f"layer/{layer}", Interval(at, width))
        found = flag(f"flag{i}", start, share, layer=draw)
        exposed = {u for u in UNITS if Flags((found,)).evaluate(found.name, u, {}).rollout}
        assert on(found) <= exposed
        cohorts.append(exposed)
        at += width
    assert sum(map(len, cohorts)) == len(set().union(*cohorts))


@given(names, st.integers(0, WHOLE), starts, shares)
def test_a_holdout_gets_no_rollout_while_it_runs_and_keeps_what_it_had(
    name: str, width: int, start: int, share: int
) -> None:
    draw = Draw(f"holdout/{name}", Interval(0, width))
    running = flag("checkout", start, share, holdouts=(draw,))
    held = {u for u in UNITS if not Flags((running,)).evaluate("checkout", u, {}).rollout}
    assert not on(running) & held
    ended = replace(running, default="on", move=None, held=(HeldOut(draw, "off"),))
    assert on(ended) == set(UNITS) - held, "those who were held out, and nobody else"
    again = flag("checkout", start, share, "other")
    later = replace(again, move=replace(again.move, holdouts=(draw,)), held=ended.held)
    assert not on(later) & held
    assert on(replace(ended, rules=(Rule("on"),))) == set(UNITS), "a rule is no rollout"


@given(names, starts, shares)
def test_nobody_is_in_no_rollout(name: str, start: int, share: int) -> None:
    found = Flags((flag(name, start, share),)).evaluate(name, "", {})
    assert (found.variant, found.rollout) == ("off", "")


@given(names, starts, shares)
def test_whom_an_audience_leaves_out_is_in_none(name: str, start: int, share: int) -> None:
    found = flag(name, start, share, audience='country == "US"')
    assert on(found, {"country": "US"}) == on(flag(name, start, share))
    assert not on(found, {"country": "DE"})
    assert not on(found)
    assert not Flags((found,)).evaluate(name, "ann", {}).rollout


def test_another_process_answers_alike() -> None:
    """With another seed of Python's own hashes."""
    code = (
        "import json; from test_rollout_laws import UNITS, flag, on; "
        "print(json.dumps(sorted(on(flag('checkout', 900_000, 300_000)))))"
    )
    folder = os.path.dirname(__file__)
    answers = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join([folder, *sys.path])},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert json.loads(answers[0]) == json.loads(answers[1]) == sorted(on(flag("checkout", 900_000, 300_000)))
