"""The commands for flags, against a stand-in server."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

from fader.cli.entry import run

if TYPE_CHECKING:
    from conftest import Fader, Shop


def test_the_list_says_who_switched_and_why(fader: Fader) -> None:
    ended = fader("flags")
    assert ended.code == 0
    for words in (
        "checkout",
        "off",
        "boolean",
        "on, off",
        "2",
        "shop team",
        "new-form: 5% on",
        "checkout was switched off by ann",
        "orders fail",
    ):
        assert words in ended.out
    assert json.loads(fader("flags", "--json").out)["flags"][0]["flag"]["name"] == "checkout"


@pytest.mark.parametrize(
    ("position", "said"),
    [("off", "checkout is off: everybody gets off\n"), ("on", "checkout is on: its rules decide\n")],
)
def test_a_switch_is_sent_with_its_reason(fader: Fader, shop: Shop, position: str, said: str) -> None:
    ended = fader("flag", position, "checkout", "--reason", "orders fail")
    assert (ended.code, ended.out) == (0, said)
    assert shop.asked == [("POST", f"/v1/flags/checkout/{position}", {"reason": "orders fail"})]


def test_an_explanation_prints_the_path(fader: Fader, shop: Shop) -> None:
    attributes = ("--attr", "country=US", "--attr", "age=17", "--attr", 'zip="017"', "--attr", 'groups=["a"]')
    ended = fader("explain", "checkout", "--unit", "ann", *attributes)
    assert ended.out == "  switch\n    on\n▶ us\n    holds: on\nann gets on (TARGETING_MATCH): true\n"
    asked = {"unit": "ann", "attributes": {"country": "US", "age": 17, "zip": "017", "groups": ["a"]}}
    assert shop.asked == [("POST", "/v1/flags/checkout/explain", asked)]
    assert "nobody in particular gets on" in fader("explain", "checkout").out
    assert json.loads(fader("explain", "checkout", "--json").out)["answer"]["variant"] == "on"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("flag", "off", "none"), 4, "there is no flag named 'none'"),
        (("flag", "kill", "checkout"), 2, "kill"),
        (("explain", "none"), 4, "there is no flag named 'none'"),
        (("explain", "checkout", "--attr", "country"), 2, '"country" is no attribute'),
    ],
)
def test_what_is_refused(fader: Fader, arguments: tuple[str, ...], code: int, said: str) -> None:
    ended = fader(*arguments)
    assert (ended.code, ended.out) == (code, "")
    assert said in ended.err


def test_what_is_stale_is_listed_with_its_reasons(fader: Fader, shop: Shop) -> None:
    ended = fader("flags", "stale", "--after", "60d")
    assert ended.code == 0
    assert ("GET", "/v1/flags?stale_after=5184000", None) in shop.asked, "and no 5e+06, whose + would be a space"
    assert "checkout" in ended.out
    assert "everybody has had off for 90 days" in ended.out
    assert json.loads(fader("flags", "stale", "--json").out)["flags"][0]["name"] == "checkout"


def test_a_time_that_is_none_is_refused(fader: Fader) -> None:
    ended = fader("flags", "stale", "--after", "60")
    assert ended.code == 2
    assert ended.err == '--after "60" has no unit\n  fix: write e.g. --after 30d\n'


def test_where_the_source_names_a_flag(fader: Fader, tmp_path: Path) -> None:
    (tmp_path / "src" / "node_modules").mkdir(parents=True)
    (tmp_path / "src" / "a.py").write_text("x = 1\nif flags.boolean('checkout', default=False):\n    pass\n")
    (tmp_path / "src" / "b.ts").write_text('// checkout\nclient.getBooleanValue("checkout", false)\n')
    (tmp_path / "src" / "node_modules" / "c.js").write_text('"checkout"')
    (tmp_path / "src" / "picture").write_bytes(b"\xff\xfe'checkout'")
    found = json.loads(fader("flags", "unused", "--code", str(tmp_path / "src"), "--json").out)["flags"]
    assert found[0]["places"] == [f"{tmp_path}/src/a.py:2", f"{tmp_path}/src/b.ts:2"]
    assert "a.py:2 and 1 more" in fader("flags", "unused", "--code", str(tmp_path / "src")).out


def test_what_the_source_does_not_name(fader: Fader, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("checkout = 'checkouts'\n")
    ended = fader("flags", "unused", "--code", str(tmp_path))
    assert f"not named in {tmp_path}: checkout" in ended.out
    assert fader("flags", "unused", "--code", str(tmp_path / "none")).code == 2


def test_flags_of_flagd_are_printed_and_what_is_left_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    on_off = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
    shares = {"fractional": [["on", 1], ["off", 3]]}
    file = tmp_path / "flags.json"
    file.write_text(json.dumps({"flags": {"a": on_off | {"targeting": shares}, "b": on_off | {"variants": {}}}}))
    assert run(["flags", "import", str(file)]) == 0
    said = capsys.readouterr()
    assert "share: 25%" in said.out
    assert said.err.count("not carried over: ") == 2
    assert run(["flags", "import", str(file), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["left"][1].startswith("flag b is left out")
    file.write_text("{")
    assert run(["flags", "import", str(file)]) == 2
    assert run(["flags", "import", str(tmp_path / "none")]) == 2


def test_flags_leave_for_flagd_and_what_stays_is_said(fader: Fader, tmp_path: Path) -> None:
    ended = fader("flags", "export")
    assert ended.code == 0
    assert list(json.loads(ended.out)["flags"]) == ["checkout"]
    assert ended.err.startswith("not carried over: flag gradual is left out: few has a share of 5%")
    assert json.loads(fader("flags", "export", "--json").out)["left"] == [
        ended.err.removeprefix("not carried over: ").strip()
    ]
    file = tmp_path / "flags.json"
    written = fader("flags", "export", "--flag", "checkout", "--output", str(file))
    assert (written.out, written.err) == (f"{file}: 1 flag\n", "")
    assert json.loads(file.read_text()) == json.loads(ended.out)


def test_a_flag_as_sql(fader: Fader) -> None:
    users = "unit VARCHAR, land VARCHAR, email VARCHAR"
    rows = [
        ("ann", "US", "ann@example.com"),
        ("o'neil", "US", None),
        ("bob", "US", "bob@x"),
        ("eve", None, "e@example.com"),
    ]
    given = [("ann", "on"), ("o'neil", "on"), ("bob", "off"), ("eve", "off")]
    asked = ("flags", "sql", "checkout", "--column", "country=land", "--table", "users")
    for dialect, engine in (("duckdb", duckdb.connect()), ("sqlite", sqlite3.connect(":memory:"))):
        engine.execute(f"CREATE TABLE users ({users})")
        engine.executemany("INSERT INTO users VALUES (?, ?, ?)", rows)
        ended = fader(*asked, "--dialect", dialect)
        assert (ended.code, ended.err) == (
            0,
            "column land: a text, null where it is missing\ncolumn email: a text, null where it is missing\n",
        )
        assert engine.execute(ended.out).fetchall() == given
        engine.close()
    told = json.loads(fader(*asked, "--json").out)
    assert (told["columns"], told["unit"]) == ({"land": "text", "email": "text"}, "unit")
    assert told["sql"].endswith(' AS "variant" FROM "users"')
    assert fader("flags", "sql", "checkout").out.startswith("CASE WHEN ")


def test_what_sql_cannot_say_of_a_flag(fader: Fader) -> None:
    ended = fader("flags", "sql", "gradual")
    assert (ended.code, ended.out) == (3, "")
    assert ended.err.startswith("fader: flag gradual, few: its share draws units by a hash with a seed: ")
    assert fader("flags", "sql", "none").code == 4
    assert fader("flags", "sql", "checkout", "--column", "country").code == 2
    assert fader("flags", "sql", "checkout", "--dialect", "oracle").code == 2


def test_a_flag_that_is_none_and_a_file_that_cannot_be_written(fader: Fader, tmp_path: Path) -> None:
    ended = fader("flags", "export", "--flag", "none")
    assert (ended.code, ended.err) == (
        4,
        "fader: there is no flag named 'none'; there are: checkout, gradual\n",
    )
    assert fader("flags", "export", "--output", str(tmp_path / "no" / "folder")).code == 2
