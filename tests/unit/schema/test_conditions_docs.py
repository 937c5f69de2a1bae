"""The reference of conditions names all that there is, and its examples are conditions."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from fader.assign.cel import ROOT, UNIT, Function, Method, Operator
from fader.assign.cel_parser import parse

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "conditions.md").read_text()


CODE = re.findall(r"(?<!`)`([^`\n]+)`(?!`)", TEXT)


def test_every_operator_function_and_method_is_documented() -> None:
    words = " ".join(CODE)
    for word in (*get_args(Operator), *get_args(Function), *get_args(Method), "in", "&&", "? b : c", ROOT, UNIT):
        assert word in words, word


def test_the_examples_are_conditions() -> None:
    """What holds a comparison or a call with its argument; signs and patterns alone are none."""
    examples = [code.replace("\\|", "|") for code in CODE if re.search(r'\w (==|>=|<|in) |\w\("?\w', code)]
    assert len(examples) >= 10
    for example in (*examples, *re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)):
        parse(example)
