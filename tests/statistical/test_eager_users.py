"""Users who come more often because the candidate is new are an effect of it, and no broken split."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest
from benchmarks.decisions.fader import USUAL, Fader, spec_of
from benchmarks.decisions.replay import Replay
from benchmarks.decisions.stream import Change, Stream, World

from fader.model.state import Phase

#: Few of the users come in each stage, and those who have just met the candidate come twice as often.
EAGER = World(rate=600.0, users=60_000, novelty=1.0)


def test_a_user_asks_more_often_only_after_having_met_the_candidate() -> None:
    """Twenty minutes at 5 %: as many units of the candidate as the share says, within 4 standard errors."""
    seen = np.zeros(2)
    for run in range(4):
        stream = Stream(EAGER, (20_261_126, run), 20)
        rule = Fader(stream, spec_of(USUAL, bake=1e6))
        Replay(stream, Change()).run(rule)
        seen += [arm.units for arm in rule.tallies[0].arms()]
    assert abs(seen[0] / seen.sum() - 0.05) < 4 * np.sqrt(0.05 * 0.95 / seen.sum())


@pytest.mark.slow
def test_eager_users_do_not_hold_the_ramp() -> None:
    """Four ramps: none is held for its sample ratio; without the allowance for those who return, they are."""
    for run in range(4):
        stream = Stream(EAGER, (20_261_127, run), 240)
        rule = Fader(stream, spec_of(USUAL))
        result = Replay(stream, Change()).run(rule)
        assert rule.state.phase is not Phase.HELD, rule.state.cause
        assert min(result.completed, result.stopped) < inf or rule.state.phase is Phase.RAMPING
