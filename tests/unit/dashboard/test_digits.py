import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard_twin.scenes import ERRORS, LATENCY
from fader.dashboard import digits
from fader.model.metric import Margin, Metric
from fader.rollout import words


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("rate", "text"),
    [(0.0, "0 %"), (0.0312, "3.1 %"), (0.05, "5 %"), (0.12, "12 %"), (1.0, "100 %"), (None, "–"), (float("nan"), "–")],
)
def test_a_rate_has_the_digits_that_matter(rate: float | None, text: str) -> None:
    assert plain(digits.rate(rate)) == text


@given(st.floats(0, 1), st.integers(0, 1_000_000))
def test_the_page_says_the_numbers_of_the_sentences_and_never_breaks_them(rate: float, ppm: int) -> None:
    assert plain(digits.rate(rate)) == words.rate(rate)
    assert plain(digits.share(ppm)) == words.share(ppm)
    assert " " not in digits.rate(rate) + digits.share(ppm)


@pytest.mark.parametrize(
    ("difference", "text"),
    [
        (0.0281, "+2.8 pp"),
        (-0.003, "−0.30 pp"),
        (0.0, "0.00 pp"),
        (0.00004, "+0.004 pp"),
        (1e-12, "0 pp"),
        (float("inf"), "–"),
    ],
)
def test_a_rise_carries_its_sign(difference: float, text: str) -> None:
    assert plain(digits.points(difference)) == text


def test_an_interval_names_its_unit_once_and_nothing_when_it_is_open() -> None:
    assert plain(digits.interval(0.009, 0.042)) == "+0.90 to +4.2 pp"
    assert digits.interval(float("-inf"), 0.1) == ""


def test_a_margin_is_written_as_in_the_file() -> None:
    assert plain(digits.margin(Margin("absolute", 0.002), ERRORS)) == "0.2 pp"
    assert plain(digits.margin(Margin("relative", 0.1), LATENCY)) == "10 %"


def test_a_value_has_the_unit_of_its_metric() -> None:
    assert plain(digits.measure(182.04, LATENCY)) == "182 ms"
    assert plain(digits.measure(0.0031, ERRORS)) == "0.31 %"
    assert digits.measure(None, LATENCY) == digits.measure(float("inf"), LATENCY) == "–"


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_difference_breaks_a_page(x: float) -> None:
    assert "e" not in digits.points(x)


REVENUE = Metric("revenue", "mean", "higher", value="amount", event="order", unit="EUR")
CONVERSION = Metric("conversion", "proportion", "higher", of="units", event="order")


def test_an_effect_has_a_sign_and_the_unit_of_its_metric() -> None:
    assert plain(digits.effect(-0.386, REVENUE)) == "−0.386 EUR"
    assert plain(digits.effect(1.5, REVENUE)) == "+1.5 EUR"
    assert plain(digits.effect(0.0191, CONVERSION)) == "+1.9 pp"
    assert plain(digits.effect(0.004, LATENCY)) == "+0.40 pp"  # of requests that are slow


def test_an_interval_of_effects_is_left_out_where_it_is_open() -> None:
    assert plain(digits.effects(-1.24, 0.46, REVENUE)) == "−1.24 to +0.46 EUR"
    assert digits.effects(None, 0.46, REVENUE) == ""
    assert digits.effects(-1e300, 1e300, REVENUE) == ""


def test_a_share_of_users_has_one_digit_more_than_a_share_of_requests() -> None:
    assert plain(digits.fine(0.3021, CONVERSION)) == "30.2 %"
    assert plain(digits.measure(0.3021, CONVERSION)) == "30 %"
    assert plain(digits.fine(12.314, REVENUE)) == "12.3 EUR"


def test_a_relative_change_has_a_sign() -> None:
    assert [plain(digits.signed(x)) for x in (0.0242, -0.404, 0.0)] == ["+2.4 %", "−40 %", "0 %"]
