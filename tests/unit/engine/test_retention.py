"""How long events are kept."""

from __future__ import annotations

from tests.unit.rollout.build import NOW, spec, state

from fader.engine.retention import KEEP
from fader.rollout.plan import cell


def test_what_covariates_rest_on_is_kept() -> None:
    """An attempt that starts now looks back no further than events are kept."""
    begun = state(stage=0, started_at=NOW)
    assert cell(spec(), begun, NOW).past >= NOW - KEEP
