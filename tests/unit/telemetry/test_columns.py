"""Columns by key beside a plain dictionary."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fader.telemetry.columns import Columns, together

KINDS = {"a": "i8", "b": "f8"}
writes = st.lists(
    st.dictionaries(st.integers(0, 300), st.tuples(st.integers(-(2**62), 2**62), st.floats(0, 9)), max_size=60),
    max_size=12,
)


@given(writes)
def test_what_was_written_last_is_read(given_writes: list[dict[int, tuple[int, float]]]) -> None:
    columns, plain = Columns(KINDS), dict[int, tuple[int, float]]()
    for some in given_writes:
        keys = np.array(sorted(some), np.int64)
        columns.write(
            columns.locate(keys),
            {"a": np.array([some[k][0] for k in sorted(some)], np.int64), "b": np.array([some[k][1] for k in keys])},
        )
        plain |= some
    copy = Columns(KINDS)
    copy.unpack(dict(columns.pack()))
    everything = np.arange(301)
    for table in (columns, copy):
        read = table.read(table.locate(everything))
        assert [(a, b) for a, b in zip(read["a"].tolist(), read["b"].tolist(), strict=True)] == [
            plain.get(k, (0, np.inf)) for k in range(301)
        ]
        assert table.locate(everything).there.tolist() == [k in plain for k in range(301)]
        assert len(table) == len(plain)


def test_parts_add_up_and_the_earliest_time_remains() -> None:
    parts = [
        (np.array([3, 1]), {"a": np.array([30, 10]), "b": np.array([0.5, 7.0])}),
        (np.array([1, 1, 2]), {"a": np.array([1, 2, 3])}),
        (np.array([1]), {"b": np.array([6.0])}),
    ]
    keys, columns = together(parts, KINDS)
    assert keys.tolist() == [1, 2, 3]
    assert columns["a"].tolist() == [13, 3, 30]
    assert columns["b"].tolist() == [6.0, np.inf, 0.5]
