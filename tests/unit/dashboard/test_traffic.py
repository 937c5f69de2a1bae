"""The pictures of a service as numbers."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_twin import services
from fader.dashboard import traffic
from fader.dashboard.traffic import COLUMNS, LABELS, LEVELS
from fader.model.traffic import Slot, VersionTraffic


@pytest.mark.parametrize(("age", "grain"), [(0.0, 10.0), (500.0, 10.0), (700.0, 30.0), (3500.0, 60.0)])
def test_a_picture_shows_all_there_is_as_finely_as_it_can(now: float, age: float, grain: float) -> None:
    its = services.traffic("v1", now, 5.0, 20.0, since=age)
    shown = traffic.frame([its], now)
    assert shown.grain == grain
    assert shown.since <= now < shown.until
    assert shown.since % grain == 0
    columns = traffic.columns(its, shown)
    assert sum(c.requests for c in columns) == sum(s.requests for s in its.slots)
    assert columns[-1].index == COLUMNS - 1


def test_columns_that_nobody_reported_on_are_absent(now: float) -> None:
    its = services.young(now).traffic[0]
    columns = traffic.columns(its, traffic.frame([its], now))
    assert len(columns) == len(its.slots)
    assert [b.index - a.index for a, b in pairwise(columns)].count(3) == 1
    _, [line] = traffic.lines({"v1": columns}, {"v1": "base"})
    assert line.path.count("M") == 2


def test_a_rate_counts_only_the_time_that_was_covered() -> None:
    its = VersionTraffic("v1", (Slot(0.0, 2.0, 10, 1),))
    assert traffic.columns(its, traffic.frame([its], 5.0))[0].rate == 5.0


@given(st.lists(st.integers(0, 1000), min_size=3, max_size=3), st.floats(0.01, 0.99))
def test_a_quantile_lies_in_the_bin_that_holds_it(counts: list[int], q: float) -> None:
    bins = list(zip((10.0, 100.0, 1e9), counts, strict=True))
    found = traffic.quantile(bins, q)
    if not sum(counts):
        assert found is None
        return
    rank, below = q * sum(counts), 0
    for (bound, count), lower in zip(bins, (0.0, 10.0, 100.0), strict=True):
        if count and below + count >= rank:
            assert found is not None
            assert lower <= found <= (lower if bound >= 1e8 else bound)
            return
        below += count


@given(st.floats(1e-6, 1e9))
def test_an_axis_ends_a_little_above(x: float) -> None:
    top = traffic.nice(x)
    assert x <= top * (1 + 1e-9)
    assert top <= x * 2.5 * (1 + 1e-9)
    assert traffic.nice(0.0) == 1.0


def test_heat_maps_share_their_axis_and_hold_every_cell(now: float) -> None:
    view = services.shop(now)
    shown = traffic.frame(view.traffic, now)
    columns = {t.version: traffic.columns(t, shown) for t in view.traffic}
    v1, v2 = traffic.heats(columns, {"v1": "base", "v2": "cand", "v3": "other"})
    assert (v1.version, v2.version) == ("v1", "v2")
    assert (v1.rows, v1.labels) == (v2.rows, v2.labels)
    assert v1.rows % LABELS == 0
    assert len(v1.labels) == LABELS + 1
    assert list(v1.labels) == sorted(v1.labels, reverse=True)
    for heat in (v1, v2):
        cells = sum(path.count("M") for path in heat.paths)
        assert cells == sum(1 for c in columns[heat.version] for _, n in c.bins if n)
        rows = [int(cell.split("h")[0].split()[1]) for path in heat.paths for cell in path.split("M")[1:]]
        assert min(rows) >= 0
        assert max(rows) < heat.rows


def test_a_cell_is_darker_the_more_of_the_requests_it_holds() -> None:
    assert [traffic.level(p) for p in (0.001, 0.2, 1.0)] == [1, math.ceil(LEVELS * math.sqrt(0.2)), LEVELS]


def test_nothing_counted_draws_nothing(now: float) -> None:
    its = services.quiet(now).traffic
    shown = traffic.frame(its, now)
    assert traffic.columns(its[0], shown) == ()
    assert traffic.heats({"v1": ()}, {"v1": "base"}) == ()
    assert traffic.recent(its[0], now) is None


def test_the_last_minute_is_not_older(now: float) -> None:
    its = services.traffic("v1", now, 5.0, 20.0)
    last = traffic.recent(its, now)
    assert last is not None
    assert 60.0 <= last.seconds <= 80.0
    assert traffic.recent(replace(its, slots=its.slots[:-10]), now) is None
