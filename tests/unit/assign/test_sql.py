"""A condition as SQL finds the rows that the condition holds for, in three engines; or is refused."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Iterator
from typing import Any, get_args

import clickhouse_connect
import duckdb
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fader.assign.cel_parser import parse
from fader.assign.condition import compile_condition, compile_segment
from fader.assign.sql import EXACT, MOST_COMPARED, MOST_LISTED, Dialect, NotInSql, identifier, predicate
from fader.model.segment import Segment

SEGMENTS = {
    "staff": Segment("staff", units=("ann", "o'neil")),
    "us": Segment("us", 'country == "US" || segment("staff")', ("eve",)),
    "nobody": Segment("nobody"),
    "networks": Segment("networks", 'ip in cidr("10.0.0.0/8")'),
}
KNOWN: dict[str, Any] = {}
for found in SEGMENTS.values():
    tree = parse(found.condition) if found.condition else None
    KNOWN[found.name] = compile_segment(tree, frozenset(found.units), KNOWN)

TEXTS = (
    "US",
    "DE",
    "pro",
    "",
    "a-b",
    "it's",
    "a\\b",
    "é",
    "日本",
    "😀",
    "a\nb",
    '"',
    "%",
    "_",
    "`",
    "?",
    "Us",
    "DE-US",
)
NUMBERS = (0, 1, -1, 17, 1.0, 0.5, -2.5, 0.1, 1e3, EXACT)
COLUMNS = {"country": TEXTS, "plan?": TEXTS, "os`name": TEXTS, "age": NUMBERS, "beta": (True, False), "who": TEXTS}
IDS = ("", "ann", "o'neil", "eve", "joe", "annabel", "é")
COLUMNS["who"] = IDS
MAPPED = {"device.os": "os`name"}
_random = random.Random(5)
ROWS = [
    [None if _random.random() < 0.25 else _random.choice(values) for values in COLUMNS.values()] for _ in range(250)
]

Ask = Callable[[str, list[Any]], list[int]]


def insert(placeholder: str = "?") -> str:
    return f"INSERT INTO users VALUES ({', '.join([placeholder] * (len(COLUMNS) + 1))})"


def create(dialect: Dialect, texts: str, number: str, boolean: str, more: str = "") -> str:
    kinds = {"age": number, "beta": boolean}
    typed = ", ".join(f"{identifier(name, dialect)} {kinds.get(name, texts)}" for name in COLUMNS)
    return f"CREATE TABLE users (id INTEGER, {typed}){more}"


@pytest.fixture(scope="module")
def engines() -> Iterator[dict[Dialect, Ask]]:
    duck, lite = duckdb.connect(), sqlite3.connect(":memory:")
    house = clickhouse_connect.get_client(interface="chdb")
    duck.execute(create("duckdb", "VARCHAR", "DOUBLE", "BOOLEAN"))
    lite.execute(create("sqlite", "TEXT", "REAL", "BOOLEAN"))
    house.command("DROP TABLE IF EXISTS users")
    nullable = ("Nullable(String)", "Nullable(Float64)", "Nullable(Bool)")
    house.command(create("clickhouse", *nullable, " ENGINE = Memory"))
    rows = [[i, *row] for i, row in enumerate(ROWS)]
    duck.executemany(insert(), rows)
    lite.executemany(insert(), rows)
    house.insert("users", rows, column_names=["id", *COLUMNS])
    yield {
        "duckdb": lambda query, values: [row[0] for row in duck.execute(query, values).fetchall()],
        "sqlite": lambda query, values: [row[0] for row in lite.execute(query, values)],
        "clickhouse": lambda query, _: [row[0] for row in house.query(query).result_rows],
    }
    for engine in (duck, lite, house):
        engine.close()


def written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    return repr(value)


def form(pattern: str, *parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(lambda found: pattern.format(*found))


texts = st.sampled_from(("country", 'context["plan?"]', "device.os"))
words, numbers = st.sampled_from(TEXTS).map(written), st.sampled_from(NUMBERS).map(written)
ids = st.sampled_from(IDS).map(written)
equalities, orders = st.sampled_from(("==", "!=")), st.sampled_from(("==", "!=", "<", "<=", ">", ">="))


def listed(values: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(values, max_size=4).map(lambda found: f"[{', '.join(found)}]")


atoms = st.one_of(
    form("{} {} {}", texts, orders, words),
    form("{} {} {}", words, orders, texts | st.just("unit")),
    form("{} {} {}", st.just("age"), orders, numbers),
    form("beta {} {}", equalities, st.sampled_from(("true", "false"))),
    form("beta {} (age {} {})", equalities, orders, numbers),
    form("{} in {}", texts, listed(words)),
    form("age in {}", listed(numbers)),
    form("unit in {}", listed(ids | numbers)),
    form("{}.{}({})", texts, st.sampled_from(("startsWith", "endsWith", "contains")), words),
    form("unit.startsWith({})", ids),
    form("has({})", st.sampled_from(("country", "age", "beta", 'context["plan?"]'))),
    st.sampled_from(("true", "false", "beta", '"a" < "b"', 'segment("staff")', 'segment("us")', 'segment("nobody")')),
)
patterns = form("{}.matches({})", texts, st.sampled_from(("^U", "S$", "a.b", "^.$", r"^\\w+$", "", "[^a]", "it's")).map(
    lambda pattern: f'"{pattern}"'
))  # fmt: skip


def joined(leaves: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            form("!({})", inner),
            form("({} && {})", inner, inner),
            form("({} || {} || {})", inner, inner, inner),
            form("({} ? {} : {})", inner, inner, inner),
            form("({}) == ({})", inner, inner) | form("({}) != ({})", inner, inner),
        ),
        max_leaves=6,
    ).filter(lambda text: not any(f"(beta) {sign} (beta)" in text for sign in ("==", "!=")))  # which is refused


def people() -> Iterator[tuple[dict[str, Any], str]]:
    """Attributes and unit of each row: an attribute for each column that is not null."""
    for row in ROWS:
        named = {name: value for name, value in zip(COLUMNS, row, strict=True) if value is not None}
        unit, name = str(named.pop("who", "")), named.pop("os`name", None)
        yield named | ({} if name is None else {"device": {"os": name}}), unit


def held(condition: str) -> list[int]:
    """By the condition itself."""
    holds = compile_condition(parse(condition), KNOWN)
    return [i for i, (attributes, unit) in enumerate(people()) if holds(attributes, unit)]


def asked(engines: dict[Dialect, Ask], dialect: Dialect, condition: str) -> list[int]:
    made = predicate(condition, SEGMENTS, dialect, "who", MAPPED)
    found = engines[dialect](f"SELECT id FROM users WHERE {made.inlined} ORDER BY id", [])
    if dialect != "clickhouse":  # of which the client binds parameters by name
        assert engines[dialect](f"SELECT id FROM users WHERE {made.text} ORDER BY id", made.parameters) == found
    return found


@given(joined(atoms))
@settings(max_examples=200, deadline=None)
@example('!(country == "US")')
@example('!(country == "US" && age > 5)')
@example("!(country in []) || !(age in [1, 0.5])")
@example('(beta ? country == "US" : age > 0) == !beta')
@example("!country.contains('')")
@example('country.endsWith("US") || !country.startsWith("DE")')
@example('unit == "" || unit != "ann"')
@example(f"age == {EXACT} || age == 0.1")
def test_the_same_rows(engines: dict[Dialect, Ask], condition: str) -> None:
    wanted = held(condition)
    for dialect in get_args(Dialect):
        assert asked(engines, dialect, condition) == wanted, dialect


@given(joined(patterns))
@settings(max_examples=60, deadline=None)
@example(r'country.matches("a.b")')
@example('!country.matches("S$")')
def test_the_same_rows_by_patterns(engines: dict[Dialect, Ask], condition: str) -> None:
    wanted = held(condition)
    assert asked(engines, "duckdb", condition) == wanted
    assert asked(engines, "clickhouse", condition) == wanted


@pytest.mark.parametrize("dialect", get_args(Dialect))
def test_no_text_of_a_person_is_in_the_query(dialect: Dialect) -> None:
    condition = """country == "x' OR 1=1 --" && context["a`\\"b"].contains("sneaky") && unit in ["them"] && age > 41"""
    made = predicate(condition, SEGMENTS, dialect)
    assert made.parameters == ["x' OR 1=1 --", "sneaky", "them", 41]
    assert not any(word in made.text for word in ("OR 1=1", "sneaky", "them", "41"))
    assert made.text.count("?") == len(made.parameters)
    assert "'x'' OR 1=1 --'" in made.inlined
    assert dict(made.columns) == {"country": "text", 'a`"b': "text", "age": "number"}


@pytest.mark.parametrize(
    ("condition", "dialect", "position", "reason"),
    [
        ('country.matches("^a")', "sqlite", 9, "sqlite has no patterns"),
        ('semver(v) < semver("2.10")', "duckdb", 11, "SQL has no versions"),
        ('ip in cidr("10.0.0.0/8")', "duckdb", 4, "SQL has no networks"),
        ('timestamp(t) < timestamp("2026-01-31T00:00:00Z")', "duckdb", 14, "a moment may be"),
        ('"beta" in groups', "duckdb", 8, "groups may be a list"),
        ("country == plan", "duckdb", 9, "two attributes"),
        ("beta < true", "duckdb", 6, "something else than an attribute with a constant"),
        ('country == "US" || country == 5', "duckdb", 20, "country is a number here and a text at character 1"),
        ('country in ["US", 5]', "duckdb", 1, "several kinds"),
        ("browser.os == 5", "duckdb", 1, "browser.os is a part of an object"),
        ("has(device.os)", "duckdb", 5, "whether device is an object"),
        ('unit.endsWith("@a")', "duckdb", 6, "ids of more than 256 bytes"),
        (f'unit == "{"a" * 256}"', "duckdb", 1, "cut at 256 bytes"),
        ('country == "a\\u0000"', "duckdb", 1, "the character 0"),
        (f"age == {EXACT + 1}", "duckdb", 1, "no exact number"),
        ("age == 1 || Age == 1", "duckdb", 13, "but for upper and lower case"),
        ('beta && segment("networks")', "duckdb", 9, "segment networks, at character 4: SQL has no networks"),
    ],
)
def test_what_it_cannot_say_is_refused(condition: str, dialect: Dialect, position: int, reason: str) -> None:
    with pytest.raises(NotInSql, match="at character") as refused:
        predicate(condition, SEGMENTS, dialect, columns=MAPPED)
    assert refused.value.position == position
    assert reason in refused.value.reason
    assert refused.value.fix


def test_the_size_is_bounded() -> None:
    condition = "beta"
    for _ in range(12):
        condition = f"(({condition}) ? beta : beta)"
    with pytest.raises(NotInSql, match=f"{MOST_COMPARED:,} comparisons"):
        predicate(condition, {}, "duckdb")
    many = Segment("many", units=tuple(map(str, range(MOST_LISTED + 1))))
    with pytest.raises(NotInSql, match="listed units"):
        predicate('segment("many")', {"many": many}, "duckdb")


def test_everybody() -> None:
    assert predicate("", {}, "duckdb").text == "TRUE"
