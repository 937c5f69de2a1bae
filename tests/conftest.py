"""The order of the tests, for all folders."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Browser tests last: Playwright keeps an event loop running in the main thread until the session ends, and
    nothing else could run one of its own beside it."""
    items.sort(key=lambda item: "integration/dashboard" in item.path.as_posix())
