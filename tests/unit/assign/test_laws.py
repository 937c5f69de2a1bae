"""What holds for every ruleset: a share only grows, flags draw independently, and answers depend on nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kstest
from tests.unit.assign import rulesets
from tests.unit.assign.rulesets import answers, asker, ruleset

from fader.assign.bucket import bucket
from fader.assign.evaluate import Flags
from fader.model.flag import Flag, Rule, Variant
from fader.model.segment import Segment
from fader.model.share import WHOLE

ASKERS = [asker(Random(seed)) for seed in range(200)]
CHANCE = st.randoms(use_true_random=False)


@given(CHANCE, st.integers(1, WHOLE), st.integers(1, WHOLE))
def test_as_a_share_grows_it_takes_units_and_gives_none_back(random: Random, one: int, other: int) -> None:
    """Whoever the rule had stays with it; whoever it did not take keeps the answer."""
    flags, segments = ruleset(random)
    flag = random.choice([f for f in flags if f.rules] or [replace(flags[0], rules=(Rule("b", name="only"),))])
    grown = random.randrange(len(flag.rules))
    smaller, larger = sorted((one, other))

    def at(share: int) -> Flags:
        rules = list(flag.rules)
        rules[grown] = replace(rules[grown], share=share)
        return Flags([replace(flag, rules=tuple(rules)) if f.name == flag.name else f for f in flags], segments)

    before, after = at(smaller), at(larger)
    for unit, attributes in ASKERS:
        was, now = (both.evaluate(flag.name, unit, attributes) for both in (before, after))
        if was.rule == flag.rules[grown].name:
            assert now.rule == was.rule
        else:
            assert now.rule == flag.rules[grown].name or (now.variant, now.rule) == (was.variant, was.rule)


@given(CHANCE)
def test_an_answer_depends_on_the_flag_and_who_asks_alone(random: Random) -> None:
    """Not on the order of flags and segments, on what is beside them, on who was asked before, on the order of the
    attributes; and it changes none of them."""
    flags, segments = ruleset(random)
    more = [Flag("more", "boolean", (Variant("on", True),), "on", "on"), *reversed(flags)]
    first, second = Flags(flags, segments), Flags(more, [Segment("more", "age > 1"), *reversed(segments)])
    for (unit, attributes), (earlier, theirs) in zip(ASKERS, reversed(ASKERS), strict=True):
        turned, kept = dict(reversed(attributes.items())), dict(attributes)
        for flag in flags:
            second.evaluate(flag.name, earlier, theirs)
            assert first.evaluate(flag.name, unit, attributes) == second.evaluate(flag.name, unit, turned)
        assert attributes == kept


@given(CHANCE, st.sampled_from(["x" * 256, "é" * 128, "🦊" * 64]), st.text())
def test_what_stands_behind_256_bytes_is_not_looked_at(random: Random, unit: str, rest: str) -> None:
    """For whoever is drawn and named; a condition may ask for the whole `unit`, and none here does."""
    flags, segments = ruleset(random)
    compiled = Flags(flags, segments)
    for flag in flags:
        for _, attributes in ASKERS[:20]:
            assert compiled.evaluate(flag.name, unit, attributes) == compiled.evaluate(
                flag.name, unit + rest, attributes
            )


def p_value(one: list[bool], other: list[bool]) -> float:
    """Of the hypothesis that both are independent."""
    seen = Counter(zip(one, other, strict=True))
    return float(
        chi2_contingency([[seen[a, b] for b in (False, True)] for a in (False, True)], correction=False).pvalue
    )


def test_cohorts_of_two_rules_are_independent() -> None:
    """300 pairs of rules, of one flag and of two, with shares of all sizes, over 4,000 units each, half of them
    numbered and half random: the p-values of the chi-square tests are as even as those of coins. Kolmogorov-Smirnov at
    1 %, by the seed."""
    random = Random(20_261)
    units = [f"user-{n}" for n in range(2_000)] + [f"{random.getrandbits(128):032x}" for _ in range(2_000)]
    found = []
    for pair in range(300):
        flags = [f"flag-{random.randrange(10**6)}", f"flag-{pair}"]
        flags[1] = random.choice(flags)
        drawn = []
        for n, name in enumerate(flags):
            share = random.randint(50_000, 950_000)
            rule = Rule("on", share=share, name=f"rule-{random.randrange(10**6) if n else pair}")
            flag = Flag(name, "boolean", (Variant("on", True), Variant("off", False)), "off", "off", rules=(rule,))
            evaluate = Flags([flag]).evaluate
            drawn.append([bool(evaluate(name, unit, {}).value) for unit in units])
        found.append(p_value(*drawn))
    assert kstest(found, "uniform").pvalue > 0.01
    assert min(found) > 1e-5


def test_the_test_of_independence_sees_what_is_not() -> None:
    """One cohort inside of the other, as two rules by one salt would be; and buckets that are shifted."""
    units = [f"user-{n}" for n in range(4_000)]
    drawn = [bucket(unit, "a/b") for unit in units]
    assert p_value([b < 500_000 for b in drawn], [b < 100_000 for b in drawn]) < 1e-9
    assert p_value([b < 500_000 for b in drawn], [(b + 450_000) % WHOLE < 500_000 for b in drawn]) < 1e-9


@settings(max_examples=5)
@given(st.integers(0, 2**32), st.sampled_from(["0", "1", "4294967295"]))
def test_other_processes_give_the_same_answers(seed: int, hashes: str) -> None:
    """With another seed of Python's own hashes, in another folder, in another language of the system."""
    environment = {**os.environ, "PYTHONHASHSEED": hashes, "LC_ALL": "C", "TZ": "Asia/Kolkata"}
    command = [sys.executable, "-X", "utf8=0", rulesets.__file__, str(seed), "300"]
    done = subprocess.run(command, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == answers(seed, 300)
