from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.model.external import Answer, External, Provider
from fader.model.metric import Metric
from fader.model.series import MOST, Block, Series
from fader.rollout.series import added, series_evidence

PROVIDER = Provider("prom", "prometheus", "http://127.0.0.1:9090")
COUNTERS, LEVEL = External(PROVIDER, "e", "n"), External(PROVIDER, series="x")
EMPTY = Series("shop-v2", 1, 0, "m")


def fed(external: External, *answers: Answer, series: Series = EMPTY) -> Series:
    for i, answer in enumerate(answers):
        series = added(series, external, answer, 100.0 + 15 * i)
    return series


def at(*levels: float) -> Answer:
    return Answer((levels[0], levels[1]), (levels[2], levels[3]))


def missing(series: Series | None, external: External = COUNTERS, now: float = 120.0) -> str:
    metric = Metric("m", "external", external=external)
    return series_evidence(metric, external, series, 90.0, now).missing


class TestCounters:
    def test_the_first_answer_is_where_counting_begins(self) -> None:
        series = fed(COUNTERS, at(5, 1000, 70, 20_000))
        assert (series.blocks, series.levels, series.missing) == ((), (5, 1000, 70, 20_000), "")

    def test_what_they_grow_by_is_an_interval(self) -> None:
        series = fed(COUNTERS, at(5, 1000, 70, 20_000), at(7, 1100, 71, 21_900))
        assert series.blocks == (Block(2, 100, 1, 1900, 1),)

    def test_an_interval_lasts_until_there_is_something_of_both(self) -> None:
        series = fed(COUNTERS, at(0, 10, 0, 100), at(0, 10, 1, 150), at(1, 20, 1, 200))
        assert series.blocks == (Block(1, 10, 1, 100, 2),)

    def test_a_counter_that_fell_is_missing_once(self) -> None:
        series = fed(COUNTERS, at(5, 1000, 70, 20_000), at(7, 1100, 71, 21_900), at(1, 50, 75, 23_800))
        assert missing(series) == "the events of the candidate in prom fell from 7 to 1: the counter was reset"
        assert len(series.blocks) == 1
        again = added(series, COUNTERS, at(2, 150, 76, 25_700), 200.0)
        assert again.blocks[1:] == (Block(1, 100, 1, 1900, 1),)
        assert missing(again, now=201.0) == ""

    def test_rounding_is_no_reset(self) -> None:
        series = fed(COUNTERS, at(0, 0, 0, 0), at(1, 10_000, 9, 90_000), at(2, 9_950, 20, 180_000))
        assert series.missing == ""
        grown = added(series, COUNTERS, at(3, 10_200, 25, 190_000), 200.0)
        assert sum(b.candidate_total for b in grown.blocks) + grown.open.candidate_total == 10_200

    @pytest.mark.parametrize(
        ("answer", "why"),
        [
            (at(7, 5, 0, 100), "prom counted 7 events of 5 in all, which cannot be"),
            (at(-1, 5, 0, 100), "prom answered with a counter below 0"),
        ],
    )
    def test_what_cannot_be_is_missing_and_changes_nothing(self, answer: Answer, why: str) -> None:
        before = fed(COUNTERS, at(5, 1000, 70, 20_000), at(7, 1100, 71, 21_900))
        after = added(before, COUNTERS, answer, 200.0)
        assert replace(after, missing="", asked_at=before.asked_at) == before
        assert missing(after, now=201.0) == why


class TestSeries:
    def test_each_answer_is_an_interval(self) -> None:
        series = fed(LEVEL, Answer((3.5,), (3.0,)), Answer((4.0,), (2.0,)))
        assert series.blocks == (Block(3.5, 1, 3.0, 1, 1), Block(4.0, 1, 2.0, 1, 1))

    @given(st.integers(0, 1500))
    def test_it_is_bounded_and_loses_nothing(self, answers: int) -> None:
        series = fed(LEVEL, *[Answer((1.0,), (2.0,))] * answers)
        whole = sum((*series.blocks, series.open), Block())
        assert whole == Block(answers, answers, 2 * answers, answers, answers)
        assert len(series.blocks) <= MOST
        assert all(b.length == series.per_block for b in series.blocks)


class TestEvidence:
    def test_nothing_was_answered_yet(self) -> None:
        assert missing(None) == "prom has not answered yet in this stage"

    def test_what_the_provider_says_is_why(self) -> None:
        series = fed(LEVEL, Answer((3.5,), (3.0,)), Answer(missing="prom did not answer within 5 s"))
        assert missing(series, LEVEL) == "prom did not answer within 5 s"
        assert len(series.blocks) == 1

    def test_an_answer_that_is_too_old_is_no_evidence(self) -> None:
        series = fed(LEVEL, Answer((3.5,), (3.0,)))
        assert missing(series, LEVEL, 160.0) == ""
        assert missing(series, LEVEL, 161.0) == "the last answer of prom is 61 s old"

    def test_the_charts_see_totals(self) -> None:
        series = fed(COUNTERS, at(5, 1000, 70, 20_000), at(7, 1100, 71, 21_900), at(8, 1200, 71, 23_000))
        evidence = series_evidence(Metric("m", "external", external=COUNTERS), COUNTERS, series, 90.0, 131.0)
        assert (evidence.candidate.events, evidence.candidate.requests) == (3, 200)
        assert (evidence.baseline.events, evidence.baseline.requests) == (1, 3000)
        assert evidence.blocks == series.blocks
