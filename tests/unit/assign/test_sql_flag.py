"""A flag as SQL gives each row the variant that evaluating gives its unit, in three engines; or is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fader.assign.evaluate import Flags
from fader.assign.sql import Dialect
from fader.assign.sql_flag import NoSqlFlag, variant
from fader.model.flag import Flag, Forced, HeldOut, Move, Piece, Prerequisite, Rule, Variant
from fader.model.share import WHOLE, Draw, Interval

from .test_sql import IDS, MAPPED, SEGMENTS, Ask, atoms, engines, joined, people

__all__ = ["engines"]
NAMES = ("on", "off", "it's")
VARIANTS = tuple(Variant(name, name) for name in NAMES)
PLAIN = Flag("plain", "string", VARIANTS, "off", "off")
RULE = Rule("on", 'country == "US"')

names = st.sampled_from(NAMES)
rules = st.lists(
    st.builds(Rule, names, st.just("") | joined(atoms), st.sampled_from((WHOLE, WHOLE, WHOLE, 0)), st.just("r")),
    max_size=3,
).map(tuple)
forced = st.lists(
    st.builds(Forced, st.sampled_from([i for i in IDS if i]), names), unique_by=lambda f: f.unit, max_size=3
)


def flags_of(name: str, others: tuple[str, ...]) -> st.SearchStrategy[Flag]:
    requires = st.lists(
        st.builds(Prerequisite, st.sampled_from(others), st.lists(names, unique=True).map(tuple)), max_size=2
    ) if others else st.just([])  # fmt: skip
    enabled = st.sampled_from((True, True, True, False))
    plain = st.builds(Flag, st.just(name), st.just("string"), st.just(VARIANTS), names, names, enabled)
    parts = st.tuples(rules, forced.map(tuple), requires.map(tuple))
    return st.tuples(plain, parts).map(
        lambda made: replace(made[0], rules=made[1][0], forced=made[1][1], requires=made[1][2])
    )


@given(flags_of("base", ()), flags_of("middle", ("base",)), flags_of("top", ("base", "middle")))
@settings(max_examples=100, deadline=None)
def test_each_row_gets_the_variant_of_its_unit(
    engines: dict[Dialect, Ask], base: Flag, middle: Flag, top: Flag
) -> None:
    flags = {flag.name: flag for flag in (base, middle, top)}
    evaluated = Flags(flags.values(), SEGMENTS.values())
    wanted = [evaluated.evaluate("top", unit, attributes).variant for attributes, unit in people()]
    for dialect in get_args(Dialect):
        made = variant(top, flags, SEGMENTS, dialect, "who", MAPPED)
        assert engines[dialect](f"SELECT {made.inlined} FROM users ORDER BY id", []) == wanted, (dialect, made.inlined)
        if dialect != "clickhouse":
            assert engines[dialect](f"SELECT {made.text} FROM users ORDER BY id", made.parameters) == wanted


HALF = Interval(0, WHOLE // 2)
LEARNING = Move("plain-on", "on", "plain/plain-on", Interval(0, 0))


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        (replace(PLAIN, rules=(Rule("on", "", 1, "few"),)), "flag plain, few: its share draws units by a hash"),
        (replace(PLAIN, move=replace(LEARNING, interval=HALF)), "flag plain: rollout plain-on draws units"),
        (replace(PLAIN, held=(HeldOut(Draw("holdout/q", HALF), "off"),)), "flag plain: a holdout draws units"),
        (replace(PLAIN, split=(Piece("on", Interval(0, WHOLE)),)), "flag plain: its weights draw units"),
        (
            replace(PLAIN, rules=(Rule("on", 'semver(v) > semver("1.0")'),)),
            "flag plain, rule 1: at character 11: SQL has",
        ),
        (replace(PLAIN, forced=(Forced("u" * 256, "on"),)), "flag plain: at character 1: a unit is cut at 256 bytes"),
    ],
)
def test_what_sql_cannot_say_is_refused(flag: Flag, reason: str) -> None:
    """Also where only a flag that is required has it; and not where it decides nothing."""
    everybody = Rule("on")
    for asked in (flag, replace(PLAIN, name="top", requires=(Prerequisite("plain", ("on",)),))):
        with pytest.raises(NoSqlFlag) as refused:
            variant(asked, {"plain": flag}, {}, "duckdb")
        assert refused.value.reason.startswith(reason)
        assert refused.value.fix
    assert variant(replace(flag, enabled=False), {}, {}, "duckdb").inlined == "'off'"
    if not flag.forced:
        assert variant(replace(flag, rules=(everybody, *flag.rules)), {}, {}, "duckdb").inlined == "'on'"


def test_a_rollout_that_only_learns_draws_nobody() -> None:
    assert variant(replace(PLAIN, move=LEARNING), {}, {}, "duckdb").inlined == "'off'"


def test_flags_that_require_flags_are_bounded() -> None:
    """Each asks twice for the one before: a million times for the first of twenty."""
    chain = [PLAIN]
    for i in range(20):
        before = Prerequisite(chain[-1].name, ("on",))
        chain.append(replace(PLAIN, name=f"f{i}", requires=(before, before)))
    with pytest.raises(NoSqlFlag, match="comparisons"):
        variant(chain[-1], {flag.name: flag for flag in chain}, {}, "duckdb")
