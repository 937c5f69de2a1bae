import sys
from pathlib import Path

import pytest

# The twin of Control is shared by the unit and the browser tests; tests are no package, so its folder is named here.
TESTS = str(Path(__file__).parents[2])
if TESTS not in sys.path:
    sys.path.insert(0, TESTS)

NOW = 1_764_000_000.0


@pytest.fixture
def now() -> float:
    return NOW
