import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.gateway.access_log import LINE, access_logs, probability, route_name

NAMES = st.text(min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("ppm", "text"), [(1_000_000, "1"), (100_000, "0.1"), (137_000, "0.137"), (1, "0.000001"), (500_000, "0.5")]
)
def test_the_probability_as_it_stands_on_the_line(ppm: int, text: str) -> None:
    assert probability(ppm) == text
    assert float(text) == ppm / 1_000_000


@given(NAMES, NAMES, NAMES)
def test_the_name_of_a_route_is_a_part_of_a_line(service: str, rollout: str, version: str) -> None:
    name = route_name(service, rollout, version, "rollout")
    assert name.isascii()
    assert json.loads(f"{{{name}}}") == {"s": service, "r": rollout, "v": version, "why": "rollout"}


def test_all_writers_write_the_same_line_to_the_same_file() -> None:
    plain, whole, sample = (entry["typed_config"] for entry in access_logs("in", "/gw/access.log")[2:])
    assert plain["path"] == whole["path"] == sample["path"] == "/gw/access.log"
    for entry in (whole, sample):
        assert set(entry["log_format"]["json_format"]) == {*LINE, "p"}
    text = plain["log_format"]["text_format_source"]["inline_string"].replace(
        "%ROUTE_NAME%", route_name("shop", "shop-v2", "v2", "rollout")
    )
    assert set(json.loads(re.sub(r"%[A-Z_]+(\(.*?\))?%", "1", text))) == {*LINE, "p"}
