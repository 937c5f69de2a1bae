"""A data directory is that of one environment, from the first server that ran on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from fader.app.data import DataDirectory
from fader.errors import BadInput


def test_a_start_that_was_refused_binds_it_to_nothing(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.prepare()
    data.refuse_other("stagin")
    data.refuse_other("staging")
    data.keep_environment("staging")
    data.keep_environment("staging")
    with pytest.raises(BadInput, match=r"is of environment staging, and this fader is of production"):
        data.refuse_other("production")


def test_a_directory_of_no_environment_stays_one(tmp_path: Path) -> None:
    data = DataDirectory(tmp_path)
    data.prepare()
    data.keep_environment("")
    with pytest.raises(BadInput, match="is of no environment, and this fader is of staging"):
        data.keep_environment("staging")
