from __future__ import annotations

from pathlib import Path

import pytest
import structlog

from fader.errors import Refused, Unavailable
from fader.gateway.shipper import Shipper, read_lines
from fader.gateway.spool import Spool
from fader.model.report import GatewayReport
from fader.model.ruleset import Ruleset


class Server:
    """Keeps what the event store keeps: no byte twice, no gap."""

    def __init__(self) -> None:
        self.segments: dict[str, bytes] = {}
        self.fails: list[Exception] = []
        self.loses_answers = 0

    async def ruleset(self, have: int, wait: float) -> Ruleset | None:
        return None

    async def report(self, report: GatewayReport) -> None: ...

    async def lines(self, segment: str, offset: int, lines: bytes) -> int:
        if self.fails:
            raise self.fails.pop(0)
        held = self.segments.get(segment, b"")
        if offset <= len(held):
            held += lines[len(held) - offset :]
            self.segments[segment] = held
        if self.loses_answers:
            self.loses_answers -= 1
            raise Unavailable("the answer was lost")
        return len(held)

    @property
    def all(self) -> bytes:
        return b"".join(self.segments[name] for name in sorted(self.segments))


class NoAdmin:
    async def ready(self) -> bool:
        return True

    async def stats(self, pattern: str) -> dict[str, str]:
        return {}

    async def counts(self) -> str:
        return ""

    async def clusters(self) -> str:
        return "{}"

    async def reopen_logs(self) -> None: ...

    async def drain(self, *, graceful: bool) -> None: ...


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


def parts(log: Path, server: Server) -> tuple[Spool, Shipper]:
    made = Spool(log, log.parent / "spool")
    return made, Shipper(made, server, NoAdmin(), structlog.wrap_logger(structlog.ReturnLogger()))


async def ship(shipper: Shipper) -> None:
    while await shipper.ship_once():
        pass


async def test_only_whole_lines_are_sent_and_the_rest_when_it_is_whole(log: Path) -> None:
    server = Server()
    _, shipper = parts(log, server)
    log.write_bytes(b"a\nb\nha")
    await ship(shipper)
    assert server.all == b"a\nb\n"
    with log.open("ab") as file:
        file.write(b"lf\n")
    await ship(shipper)
    assert server.all == b"a\nb\nhalf\n"


async def test_a_batch_whose_answer_was_lost_comes_again_and_is_held_once(log: Path) -> None:
    server = Server()
    spool, shipper = parts(log, server)
    log.write_bytes(b"a\nb\n")
    server.loses_answers = 1
    with pytest.raises(Unavailable):
        await shipper.ship_once()
    await ship(shipper)
    assert server.all == b"a\nb\n"
    assert spool.shipped_lines == 2


async def test_a_restart_that_forgot_what_is_held_sends_no_line_twice(log: Path) -> None:
    server = Server()
    _, shipper = parts(log, server)
    log.write_bytes(b"a\nb\n")
    await ship(shipper)
    (log.parent / "spool" / "held.json").unlink()
    with log.open("ab") as file:
        file.write(b"c\n")
    _, again = parts(log, server)
    await ship(again)
    assert server.all == b"a\nb\nc\n"


async def test_a_server_that_lost_its_end_gets_it_again(log: Path) -> None:
    server = Server()
    _, shipper = parts(log, server)
    log.write_bytes(b"a\nb\n")
    await ship(shipper)
    name = next(iter(server.segments))
    server.segments[name] = b"a\n"
    with log.open("ab") as file:
        file.write(b"c\n")
    await ship(shipper)
    assert server.all == b"a\nb\nc\n"


async def test_segments_go_oldest_first_and_are_deleted_when_held(log: Path) -> None:
    server = Server()
    spool, shipper = parts(log, server)
    log.write_bytes(b"a\n")
    shipper.before_start()
    log.write_bytes(b"b\n")
    await ship(shipper)
    assert server.all == b"a\nb\n"
    assert [segment.path for segment in spool.segments()] == [log]


async def test_nothing_is_lost_while_the_server_refuses(log: Path) -> None:
    server = Server()
    server.fails = [Refused("no"), Unavailable("gone")]
    spool, shipper = parts(log, server)
    log.write_bytes(b"a\n")
    shipper.before_start()
    with pytest.raises(Refused):
        await shipper.ship_once()
    with pytest.raises(Unavailable):
        await shipper.ship_once()
    assert spool.bytes() == 2
    await ship(shipper)
    assert server.all == b"a\n"
    assert spool.bytes() == 0


async def test_a_server_that_takes_nothing_is_not_asked_in_a_tight_loop(log: Path) -> None:
    class Stubborn(Server):
        async def lines(self, segment: str, offset: int, lines: bytes) -> int:
            return offset

    _, shipper = parts(log, Stubborn())
    log.write_bytes(b"a\n")
    with pytest.raises(Unavailable, match="took no line"):
        await shipper.ship_once()


async def test_at_the_end_what_cannot_be_sent_stays(log: Path) -> None:
    server = Server()
    server.fails = [Unavailable("gone")]
    spool, shipper = parts(log, server)
    log.write_bytes(b"a\n")
    shipper.before_start()
    await shipper.drain(1.0)
    assert spool.bytes() == 2


def test_batches_end_with_a_line(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.write_bytes(b"aaaa\nbbbb\ncccc\ndd")
    assert read_lines(path, 0, most=8) == b"aaaa\n"
    assert read_lines(path, 0, most=10) == b"aaaa\nbbbb\n"
    assert read_lines(path, 5, most=2) == b"bbbb\n", "a line longer than a batch goes whole"
    assert read_lines(path, 15) == b""
    assert read_lines(path, 15, most=2) == b""
    assert read_lines(tmp_path / "none", 0) == b""
