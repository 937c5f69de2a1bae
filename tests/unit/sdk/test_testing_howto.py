"""The how-to about testing with flags, done as it is written: its files are made, and pytest runs them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "testing-with-flags.md").read_text()
FILES = re.findall(r"`(\w+\.py)`:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def run(folder: Path) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


def test_its_tests_pass(tmp_path: Path) -> None:
    for name, text in FILES:
        (tmp_path / name).write_text(text)
    code, said = run(tmp_path)
    assert (code, "5 passed" in said) == (0, True), said


@pytest.mark.parametrize(("old", "new"), [("default=False", "default=True"), ("new-checkout", "new-chekcout")])
def test_they_fail_when_the_app_is_wrong(tmp_path: Path, old: str, new: str) -> None:
    for name, text in FILES:
        (tmp_path / name).write_text(text.replace(old, new) if name == "shop.py" else text)
    code, said = run(tmp_path)
    assert (code, "failed" in said) == (1, True), said


def test_no_code_of_the_page_is_left_out() -> None:
    assert [name for name, _ in FILES] == ["shop.py", "test_shop.py", "test_openfeature.py"]
    assert PAGE.count("```python") == len(FILES)
