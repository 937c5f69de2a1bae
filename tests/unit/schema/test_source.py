"""YAML to plain data with lines."""

from __future__ import annotations

import pytest

from fader.errors import BadInput
from fader.schema.source import nearest, read


def messages(text: str) -> list[str]:
    try:
        return [f"{p.line}: {p.message}" for p in read(text, "f").problems]
    except BadInput as error:
        return [f"{p.line}: {p.message}" for p in error.problems]


def test_scalars_stay_what_was_written() -> None:
    written = "{a: off, b: 1.10, c: 0123, d: 5%, e: yes, f: ~, g: '~', h: null, i: 12:30}"
    assert read(written, "f").data == {
        "a": "off", "b": "1.10", "c": "0123", "d": "5%", "e": "yes", "f": None, "g": "~", "h": None, "i": "12:30",
    }  # fmt: skip


def test_lines_of_keys_and_items() -> None:
    source = read("a:\n  b:\n    - x\n    - y\n  c: {d: 1,\n      e: 2}\n", "f")
    assert source.lines[("a", "b")] == 2
    assert source.lines[("a", "b", 1)] == 4
    assert source.lines[("a", "c", "e")] == 6


def test_the_nearest_place_passes_over_what_was_filled_in() -> None:
    lines = read("a:\n  b:\n    - x\n", "f").lines
    assert nearest(lines, ("a", "endpoints", "b", 0)) == (("a", "b", 0), 3)
    assert nearest(lines, ("z",)) == ((), 1)


def test_anchors_and_merge_keys() -> None:
    source = read("base: &b {x: 1, y: 2}\na: *b\nc:\n  <<: *b\n  y: 3\nd: {<<: [{x: 8}, *b]}\n", "f")
    assert source.data == {
        "base": {"x": "1", "y": "2"},
        "a": {"x": "1", "y": "2"},
        "c": {"x": "1", "y": "3"},
        "d": {"x": "8", "y": "2"},
    }
    assert not source.problems


def test_every_key_that_stands_twice() -> None:
    assert messages("a: 1\nb: {c: 1, c: 2}\na: 2\n") == [
        "2: b.c: stands twice, first in line 2",
        "3: a: stands twice, first in line 1",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x {b: *x}", "1: an alias contains itself"),
        ("a: !!python/object:os.system x", "1: the tag tag:yaml.org,2002:python/object:os.system is not supported"),
        ("a: !secret x", "1: the tag !secret is not supported"),
        ("? [a, b]\n: 1", "1: a key is a list or a mapping"),
        ("[" * 200_000, "1: the file is nested too deeply"),
        (
            "\n".join(["a0: &a0 [x]", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 60))]),
            "1: the file is nested too deeply",
        ),
        ("a: *x", "1: not valid YAML: found undefined alias 'x'"),
        ("a: 1\n---\nb: 2\n", "2: a second YAML document begins"),
        ("a: {\n", "1: not valid YAML at column 1: did not find expected node content while parsing a flow node"),
        ("a: \x00", "1: the character U+0000 is not allowed"),
        ("a" * 10_000_001, "0: the file is larger than 10 MB"),
        ("é" * 5_000_001, "0: the file is larger than 10 MB"),
        ("[" + "x," * 1_000_000 + "]", "1: the file holds more than 1,000,000 values"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    assert messages(text) == [message]


def test_anchors_that_explode_are_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert messages("\n".join(lines)) == ["1: the anchors grow the file beyond reason"]


def test_a_large_file_may_repeat_its_values_a_few_times_and_no_more() -> None:
    flags = [f"f{i}: {{<<: *base}}" for i in range(5_000)]
    few, many = ("base: &base {" + ", ".join(f"k{i}: x" for i in range(n)) + "}\n" for n in (12, 40))
    assert len(read(few + "\n".join(flags), "f").lines) == 1 + 5_001 * 13
    assert messages(many + "\n".join(flags)) == ["1: the anchors grow the file beyond reason"]
