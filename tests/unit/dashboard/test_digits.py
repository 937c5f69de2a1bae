import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.dashboard import digits
from fader.model.metric import Margin


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0%"),
        (0.0312, "3.12%"),
        (0.003, "0.30%"),
        (0.05, "5.00%"),
        (0.000042, "0.0042%"),
        (0.123456, "12.3%"),
        (1.0, "100%"),
        (None, "–"),
        (float("nan"), "–"),
    ],
)
def test_a_rate_has_the_digits_that_matter(share: float | None, text: str) -> None:
    assert digits.rate(share) == text


@pytest.mark.parametrize(
    ("difference", "text"),
    [(0.0281, "+2.8 pp"), (-0.003, "−0.30 pp"), (0.0, "0.00 pp"), (0.00004, "+0.004 pp"), (float("inf"), "–")],
)
def test_a_rise_carries_its_sign(difference: float, text: str) -> None:
    assert digits.points(difference) == text


def test_an_interval_names_its_unit_once_and_nothing_when_it_is_open() -> None:
    assert digits.interval(0.009, 0.042) == "+0.90 to +4.2 pp"
    assert digits.interval(float("-inf"), 0.1) == ""


def test_a_margin_is_written_as_in_the_file() -> None:
    assert digits.margin(Margin("absolute", 0.002)) == "0.2 pp"
    assert digits.margin(Margin("relative", 0.1)) == "10%"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [(182.04, "ms", "182 ms"), (1250.0, "ms", "1.25 s"), (0.0031, "%", "0.31%"), (12.0, "", "12"), (None, "ms", "–")],
)
def test_a_value_of_a_chart(value: float | None, unit: str, text: str) -> None:
    assert digits.measure(value, unit) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (15, "15 s"), (600, "10 min"), (5400, "1 h 30 min"), (86_400, "1 d"), (3601, "1 h"), (-5, "−5 s")],
)
def test_a_duration_has_two_units_at_most(seconds: float, text: str) -> None:
    assert digits.duration(seconds) == text


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_number_breaks_a_page(x: float) -> None:
    for text in (digits.significant(x), digits.rate(x), digits.points(x), digits.measure(x, "ms")):
        assert text
        assert "e" not in text.lower()


@given(st.floats(min_value=1e-6, max_value=1e6))
def test_three_significant_digits_are_near_the_number(x: float) -> None:
    assert float(digits.significant(x).replace(",", "")) == pytest.approx(x, rel=0.006)
