"""`flags:` and `segments:` to nouns, and every mistake at its line."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema_rs
import pytest
import yaml

from fader.errors import BadInput
from fader.model.flag import Flag, Forced, Prerequisite, Rule, Variant
from fader.model.segment import MOST_UNITS, Segment
from fader.schema import Document, load_document
from fader.schema.jsonschema import json_schema

FULL = """\
flags:
  new-checkout:
    rules:
      - {variant: on, when: 'segment("internal")'}
      - {variant: on, when: country == "US", share: 2.5%, name: us}
    units: {on: [ann, bob], off: cat}
    requires: {theme: [blue, red], kill: on}
    client: true
    enabled: no
    description: the new checkout
    owner: shop team
  theme:
    kind: string
    variants: {blue: "0", red: on}
    default: red
  many:
    kind: number
    variants: {few: 5, half: 0.5}
    default: few
    off: half
  limits:
    kind: json
    variants: {a: '{"max": 5, "names": ["x", null]}'}
    default: a
  kill:
    default: on
segments:
  internal: {when: email.endsWith("@example.com"), units: [ann, ann, "4711"], units_file: units.txt}
  listed: {units: [a], description: one}
"""


@pytest.fixture
def full(tmp_path: Path) -> Document:
    (tmp_path / "units.txt").write_text("# testers\n\n u1 \nann\nu2\r\n")
    return load_document(FULL, str(tmp_path / "fader.yaml"))


def test_every_key(full: Document) -> None:
    checkout, theme, many, limits, kill = full.flags
    assert checkout == Flag(
        "new-checkout",
        "boolean",
        (Variant("on", True), Variant("off", False)),
        "off",
        "off",
        enabled=False,
        rules=(Rule("on", 'segment("internal")'), Rule("on", 'country == "US"', 25_000, "us")),
        forced=(Forced("ann", "on"), Forced("bob", "on"), Forced("cat", "off")),
        requires=(Prerequisite("theme", ("blue", "red")), Prerequisite("kill", ("on",))),
        client=True,
        description="the new checkout",
        owner="shop team",
    )
    assert theme == Flag("theme", "string", (Variant("blue", "0"), Variant("red", "on")), "red", "red")
    assert many == Flag("many", "number", (Variant("few", 5), Variant("half", 0.5)), "few", "half")
    assert limits.variants == (Variant("a", {"max": 5, "names": ["x", None]}),)
    assert (kill.default, kill.off) == ("on", "off")
    assert full.segments == (
        Segment("internal", 'email.endsWith("@example.com")', ("ann", "4711", "u1", "u2")),
        Segment("listed", "", ("a",), "one"),
    )


def test_what_is_off_of_a_boolean_flag_is_what_is_false() -> None:
    (flag,) = load_document("flags: {a: {variants: {new: true, old: false}, default: new}}", "f").flags
    assert (flag.default, flag.off) == ("new", "old")


def test_the_json_schema_takes_it() -> None:
    validator = jsonschema_rs.validator_for(json_schema())
    assert validator.is_valid(yaml.safe_load(re.sub(r"\b(on|off)\b", r'"\1"', FULL)))
    assert not validator.is_valid({"flags": {"a": {"kind": "bool"}}})
    assert not validator.is_valid({"flags": {"a": {"rules": [{"wen": "x"}]}}})


FLAG = "flags:\n  a:\n    "


@pytest.mark.parametrize(
    ("text", "problem", "fix"),
    [
        ("kind: bool", "3: flags.a.kind: \"bool\" is not one of boolean, string, number, json", "boolean"),
        ("kind: string", "2: flags.a: has no variants", "variants: {"),
        ("{kind: string, variants: {x: y}}", "2: flags.a: says no default", "default: x"),
        ("variants: {on: yes}", '3: flags.a.variants.on: "yes" is neither true nor false', "true or false"),
        ("{kind: number, default: x, variants: {x: y}}", '3: flags.a.variants.x: "y" is no number', "5"),
        ("{kind: number, default: x, variants: {x: true}}", '3: flags.a.variants.x: "true" is no number', "json"),
        ("{kind: number, default: x, variants: {x: NaN}}", '3: flags.a.variants.x: "NaN" is no number', "5"),
        ("{kind: json, default: x, variants: {x: '{'}}", '3: flags.a.variants.x: "{" is no JSON', "single quotes"),
        ("{kind: json, default: x, variants: {x: '5'}}", '3: flags.a.variants.x: "5" is no JSON object', "{...}"),
        ("variants: {a b: true}", '3: flags.a.variants.a b: "a b" cannot be a name', "letters"),
        ("default: onn", '3: flags.a.default: there is no variant "onn"', "did you mean on?"),
        ("off: of", '3: flags.a.off: there is no variant "of"', "did you mean off?"),
        ("rules: [{variant: no}]", '3: flags.a.rules.0.variant: there is no variant "no"', "on"),
        ("rules: [{when: x}]", "3: flags.a.rules.0: variant is missing", "add variant: on"),
        ("rules: [{variant: on, share: 5%}]", "3: flags.a.rules.0: has a share and no name", "name: first-users"),
        ("rules: [{variant: on, name: x y}]", '3: flags.a.rules.0.name: "x y" cannot be a name', "letters"),
        ("rules: [{variant: on, name: x}, {variant: on, name: x}]", "3: flags.a.rules.1.name: two rules", "own name"),
        ("rules: [{variant: on, when: 'x = 1'}]", "3: flags.a.rules.0.when: at character 3: = is not", "write =="),
        ("rules: [{variant: on, when: [x]}]", "3: flags.a.rules.0.when: is not a condition", "single quotes"),
        ("rules: [{variant: on, when: 'segment(\"b\")'}]", '0.when: at character 9: there is no segment "b"', "known"),
        ("units: {no: [x]}", '3: flags.a.units.no: there is no variant "no"', "on"),
        ("units: {on: [x], off: [x]}", '3: flags.a.units.off.0: "x" cannot get off', "once"),
        ("units: {on: ['']}", '3: flags.a.units.on.0: "" cannot get on', "1 to 256 bytes"),
        ("requires: {b: on}", '3: flags.a.requires.b: there is no flag "b"', "known are: a"),
        ("requires: {a: on}", "3: flags.a.requires: the flag depends on itself: a → a", "remove"),
        ("requires: {c: maybe}\n  c: {}", '3: flags.a.requires.c: flag c has no variant "maybe"', "on, off"),
        ("requires: {c: []}\n  c: {}", "3: flags.a.requires.c: names no variant", "on, off"),
        ("owned: x", "3: flags.a.owned: unknown key", "did you mean owner?"),
    ],
)  # fmt: skip
def test_mistakes(text: str, problem: str, fix: str) -> None:
    with pytest.raises(BadInput) as error:
        load_document(FLAG + text + "\n", "fader.yaml")
    (found,) = error.value.problems
    assert problem in f"{found.line}: {found.message}"
    assert fix in found.fix


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: {}", "4: segments.a: is empty"),
        ("a: {units: ['']}", '4: segments.a.units.0: "" is no unit'),
        ("a: {when: 'x =='}", "4: segments.a.when: at character 5: the condition ends"),
        ("a: {when: 'segment(\"b\")'}", '4: segments.a.when: at character 9: there is no segment "b"'),
        ("a: {units_file: none.txt}", 'segments.a.units_file: the file "none.txt" does not exist'),
        ("a: {when: 'segment(\"a\")'}", "4: segments.a.when: the segment depends on itself: a → a"),
    ],
)
def test_mistakes_in_segments(text: str, problem: str) -> None:
    with pytest.raises(BadInput) as error:
        load_document("flags:\n  f: {}\nsegments:\n  " + text + "\n", "fader.yaml")
    (found,) = error.value.problems
    assert problem in f"{found.line}: {found.message}"
    assert found.fix


def test_a_circle_is_told_once_however_it_is_entered() -> None:
    flags = (
        "{x: {requires: {a: on}}, a: {requires: {b: on, d: on}}, b: {requires: {c: on}}, c: {requires: {a: on}}, d: {}}"
    )
    with pytest.raises(BadInput) as error:
        load_document(f"flags: {flags}", "f")
    assert [p.message for p in error.value.problems] == [
        "flags.a.requires: the flag depends on itself: a → b → c → a",
    ]


def test_units_in_a_file_are_checked_and_counted(tmp_path: Path) -> None:
    def load(content: bytes) -> Document:
        (tmp_path / "units.txt").write_bytes(content)
        text = "flags: {f: {}}\nsegments: {s: {units: [one], units_file: units.txt}}"
        return load_document(text, str(tmp_path / "fader.yaml"))

    numbers = "\n".join(map(str, range(MOST_UNITS - 1))).encode()
    assert len(load(numbers).segments[0].units) == MOST_UNITS
    for content, problem in (
        (numbers + b"\nx", "names more than 1,000,000 units"),
        (b"ok\n\xff", "byte 4"),
        (b"x" * 257, "is no unit"),
    ):
        with pytest.raises(BadInput, match=problem):
            load(content)


TYPED = """\
flags:
  limits:
    kind: json
    schema: '{schema}'
    variants: {{a: '{{"max": 5, "names": ["x"]}}', b: '{variant}'}}
    default: a
    expires: {expires}
"""
SHAPE = '{"properties": {"max": {"type": "integer"}, "names": {"items": {"type": "string"}}}, "required": ["max"]}'


def test_variants_of_json_meet_their_schema() -> None:
    text = TYPED.format(schema=SHAPE, variant='{"max": 6}', expires="2027-06-30")
    (flag,) = load_document(text, "fader.yaml").flags
    assert (flag.schema, flag.expires) == (SHAPE, "2027-06-30")


@pytest.mark.parametrize(
    ("schema", "variant", "expires", "line", "said"),
    [
        (SHAPE, '{"max": 6, "names": ["x", 3]}', "2027-06-30", 5, "is not what the schema says at .names[1]: 3 is not"),
        (SHAPE, "{}", "2027-06-30", 5, 'is not what the schema says: "max" is a required property'),
        ('{"type": "objct"}', "{}", "2027-06-30", 4, "is no JSON Schema"),
        ('{"$ref": "https://example.com/a"}', "{}", "2027-06-30", 4, "put it under $defs"),
        ("{x", "{}", "2027-06-30", 4, "is no JSON"),
        (SHAPE, '{"max": 6}', "2027-02-30", 7, '"2027-02-30" is no day'),
    ],
)
def test_what_a_schema_and_a_day_refuse(schema: str, variant: str, expires: str, line: int, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        load_document(TYPED.format(schema=schema, variant=variant, expires=expires), "fader.yaml")
    (problem,) = caught.value.problems
    assert (problem.line, said in problem.message) == (line, True), problem


def test_only_json_has_a_schema() -> None:
    with pytest.raises(BadInput, match="boolean variants have no schema"):
        load_document("flags:\n  f: {schema: '{}'}\n", "fader.yaml")
