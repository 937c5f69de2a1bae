import pytest

from fader.gateway.access_log import LINE, access_logs, probability


@pytest.mark.parametrize(
    ("ppm", "text"), [(1_000_000, "1"), (100_000, "0.1"), (137_000, "0.137"), (1, "0.000001"), (500_000, "0.5")]
)
def test_the_probability_as_it_stands_on_the_line(ppm: int, text: str) -> None:
    assert probability(ppm) == text
    assert float(text) == ppm / 1_000_000


def test_both_writers_write_the_same_line_to_the_same_file() -> None:
    _, whole, sample = (entry["typed_config"] for entry in access_logs("in", "/gw/access.log"))
    assert whole["path"] == sample["path"] == "/gw/access.log"
    for entry in (whole, sample):
        assert set(entry["log_format"]["json_format"]) == {*LINE, "p"}
