"""The pictures of the docs are drawn from the functions that decide, are fresh, and show what the page says."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

ROOT = Path(__file__).parents[3]
SCRIPT = ROOT / "scripts" / "pictures.py"
PAGE = " ".join((ROOT / "docs" / "verdicts.md").read_text().split())


@pytest.fixture(scope="module")
def pictures() -> ModuleType:
    spec = spec_from_file_location("pictures", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["pictures"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_the_pictures_are_fresh() -> None:
    result = subprocess.run([sys.executable, SCRIPT, "--check"], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def test_every_picture_is_shown_and_has_words_for_those_who_do_not_see_it(pictures: ModuleType) -> None:
    shown = dict(re.findall(r"!\[([^\]]{40,})\]\(images/([\w-]+\.svg)\)", PAGE))
    assert sorted(shown.values()) == sorted(pictures.PICTURES)


def test_a_bad_release_is_proven_and_a_healthy_one_is_not(pictures: ModuleType) -> None:
    seen = pictures.growth()
    assert f"after {seen.needed} users with an error" in PAGE
    assert f"**{seen.threshold:.0f}**" in PAGE
    assert np.max(seen.bad) > seen.threshold
    assert np.max(seen.healthy[:40]) < seen.threshold
    many = pictures.growth(2000).healthy
    assert (
        np.mean(np.max(many, axis=1) >= seen.threshold) <= 1 / seen.threshold + 3 * (1 / seen.threshold / 2000) ** 0.5
    )


def test_peeking_breaks_the_ordinary_interval_and_not_the_other(pictures: ModuleType) -> None:
    """1,000 experiments without an effect, 200 looks: 5 % may be wrong, give or take three standard errors."""
    seen = pictures.peeking()
    assert f"{100 * seen.naive_wrong[-1]:.0f} of 100" in PAGE
    assert f"{100 * seen.valid_wrong[-1]:.0f} of 100" in PAGE
    assert seen.valid_wrong[-1] <= 0.05 + 3 * (0.05 * 0.95 / 1000) ** 0.5
    assert seen.naive_wrong[0] == pytest.approx(0.05, abs=0.021)


def test_what_must_be_ruled_out_narrows_with_the_share(pictures: ModuleType) -> None:
    sizes = [margin for _, _, margin in pictures.margins()]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] == pytest.approx(0.002)
    for size in sizes:
        assert f"{100 * size:.2g} pp" in PAGE


def test_stages_show_no_effect_where_their_sum_does(pictures: ModuleType) -> None:
    seen = pictures.simpson()
    assert seen.effects == pytest.approx([0.0] * 4, abs=1e-12)
    assert seen.pooled < -0.1
