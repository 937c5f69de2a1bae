from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fader.errors import Corrupt
from fader.telemetry.spool import Spool, unheld


def contents(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_what_was_acknowledged_is_there_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", {})
    assert spool.append("gw", "a", 0, b"one\ntwo\n") == 8
    assert spool.append("gw", "a", 8, b"three\n") == 14
    assert spool.append("gw", "b", 0, b"four\n") == 5
    again = Spool(tmp_path / "spool", {})
    assert [batch.path.read_bytes() for batch in again.waiting(1000)] == [b"one\ntwo\n", b"three\n", b"four\n"]
    assert again.append("gw", "a", 4, b"two\nthree\nfive\n") == 19
    assert contents(tmp_path / "spool")[-2:] == [b"five\n", b"four\n"]


def test_a_batch_that_was_loaded_but_not_deleted_goes_at_the_next_start(tmp_path: Path) -> None:
    spool = Spool(tmp_path, {})
    spool.append("gw", "a", 0, b"one\n")
    spool.append("gw", "a", 4, b"two\n")
    again = Spool(tmp_path, {("gw", "a"): 4})
    assert [batch.offset for batch in again.waiting(1000)] == [4]
    assert contents(tmp_path) == [b"two\n"]


def test_a_batch_that_was_never_acknowledged_goes_at_the_next_start(tmp_path: Path) -> None:
    spool = Spool(tmp_path, {})
    spool.append("gw", "a", 0, b"one\n")
    (tmp_path / "gw=a=000000000000004=000000000000008.part").write_bytes(b"tw")
    again = Spool(tmp_path, {})
    assert again.append("gw", "a", 100, b"x\n") == 4
    assert contents(tmp_path) == [b"one\n"]


def test_names_of_gateways_stay_inside_the_folder(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool", {})
    for gateway in ("../../etc", "a=b", "..", "ü", "a%2Fb", "\x00"):
        spool.append(gateway, "x/y", 0, gateway.encode() + b"\n")
    assert len(list((tmp_path / "spool").iterdir())) == 6
    assert [path.name for path in tmp_path.iterdir()] == ["spool"]
    held = {batch.gateway for batch in Spool(tmp_path / "spool", {}).waiting(1000)}
    assert held == {"../../etc", "a=b", "..", "ü", "a%2Fb", "\x00"}


def test_a_load_takes_at_least_one_batch_and_then_up_to_the_limit(tmp_path: Path) -> None:
    spool = Spool(tmp_path, {})
    for k in range(4):
        spool.append("gw", "a", 4 * k, b"abc\n")
    assert [len(spool.waiting(limit)) for limit in (1, 4, 8, 11, 100)] == [1, 1, 2, 2, 4]
    spool.done(spool.waiting(8))
    assert [batch.offset for batch in spool.waiting(100)] == [8, 12]
    assert len(contents(tmp_path)) == 2


@pytest.mark.parametrize(
    "name", ["notes.txt", "gw=a=0.ndjson", "gw=a=x=y.ndjson", "gw=a=000000000000000=000000000000009.ndjson"]
)
def test_a_strange_or_cut_file_is_named_and_not_repaired(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"one\n")
    with pytest.raises(Corrupt, match=r"fix: ") as caught:
        Spool(tmp_path, {})
    assert name in str(caught.value)
    assert (tmp_path / name).exists()


def test_the_mark_of_a_segment_is_dropped_unless_batches_wait(tmp_path: Path) -> None:
    spool = Spool(tmp_path, {("gw", "a"): 10, ("gw", "b"): 10})
    spool.append("gw", "b", 10, b"x\n")
    spool.drop([("gw", "a"), ("gw", "b")])
    assert spool.append("gw", "a", 99, b"") == 0
    assert spool.append("gw", "b", 99, b"") == 12


@given(st.lists(st.sampled_from([b"a\n", b"bb\n", b"\n", b"torn"]), max_size=6), st.integers(0, 12), st.integers(0, 12))
def test_only_whole_lines_beyond_what_is_held_are_taken(parts: list[bytes], held: int, offset: int) -> None:
    data = b"".join(parts)
    fresh = unheld(held, offset, data)
    if offset > held:
        assert fresh == b""
    else:
        assert data[held - offset :].startswith(fresh)
        assert fresh == b"" or fresh.endswith(b"\n")
        assert b"\n" not in data[held - offset + len(fresh) :]
