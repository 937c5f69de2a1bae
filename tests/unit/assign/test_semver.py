from __future__ import annotations

from itertools import pairwise

import pytest

from fader.assign.semver import precedence

#: In rising order; most of it from section 11 of the specification.
ORDER = (
    "0.0.1", "0.1", "1.0.0-1", "1.0.0-2", "1.0.0-11", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta",
    "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0-rc.1", "1", "1.9.3", "1.10", "2.0.0", "2.1", "2.1.1", "11",
)  # fmt: skip


def test_the_order_of_the_specification() -> None:
    for lower, higher in pairwise(map(precedence, ORDER)):
        assert lower is not None
        assert higher is not None
        assert lower < higher


def test_builds_and_what_is_left_out_do_not_count() -> None:
    assert precedence("1.2.0+build.5") == precedence("1.2")
    assert precedence("1.2.0-rc.1+5") == precedence("1.2.0-rc.1")


@pytest.mark.parametrize("text", ["", "v1.2", "1.2.3.4", "01.2", "1.2.3-", "1.2.3-01", "1.2.3-a..b", " 1", "1.x", "１"])
def test_what_is_no_version(text: str) -> None:
    assert precedence(text) is None
