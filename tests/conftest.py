"""The order of the tests and what generated ones may take, for all folders."""

from __future__ import annotations

import pytest
from hypothesis import settings

# A busy machine is no mistake of the code: how long an example takes is measured in benchmarks/.
settings.register_profile("fader", deadline=None)
settings.load_profile("fader")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in the main thread until the session ends, and
    nothing else could run one of its own beside it."""
    items.sort(key=lambda item: "integration/dashboard" in item.path.as_posix())
