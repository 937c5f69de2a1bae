"""The tracker against the real route over a socket: what arrives, what does not, and that the app never notices."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest
import uvicorn
from starlette.applications import Starlette

from fader.api import auth, events, problems
from fader.errors import FaderError, Unavailable
from fader.model.share import Interval
from fader.ports.events import Cell, Tracked
from fader.sdk import Tracker
from fader.telemetry.memory import MemoryEventStore

TOKENS = auth.Tokens("operator-token", "gateway-token", "events-token")
CELL = Cell("shop-v2", 1, 0, "shop", "v2", "shop/shop-v2", Interval(0, 1), (), 1000.0)


class Store(MemoryEventStore):
    """Refuses so many deliveries first, as a full disk would. `names_taken`: of all that came, as often as it did."""

    refusals = 0

    def __init__(self) -> None:
        super().__init__()
        self.names_taken: list[str] = []

    def track(self, events: tuple[Tracked, ...]) -> None:
        if self.refusals:
            self.refusals -= 1
            raise Unavailable("the disk is full")
        self.names_taken += [event.name for event in events]
        super().track(events)


@contextmanager
def serving(store: Store) -> Iterator[str]:
    app = Starlette(routes=events.routes(store, lambda: 4e9), exception_handlers={FaderError: problems.on_fader_error})
    guarded = auth.Guard(app, TOKENS, frozenset({"127.0.0.1"}))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        bound.listen()  # who comes before the server is up waits
        server = uvicorn.Server(uvicorn.Config(guarded, log_config=None, lifespan="off"))
        thread = Thread(target=lambda: asyncio.run(server.serve(sockets=[bound])))
        thread.start()
        try:
            yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


def found(store: Store) -> dict[str, tuple[int, int]]:
    store.open_cell(CELL)
    store.load()
    return {f"{n.kind} {n.name}": (n.candidate, n.baseline) for n in store.names(*CELL.key).found}


def tracker(url: str, **more: float) -> Tracker:
    return Tracker(url, "events-token", clock=lambda: 1500.0, **more)


def test_what_is_tracked_arrives() -> None:
    store = Store()
    with serving(store) as url, tracker(url) as tracking:
        tracking.exposure("shop-v2", "v2", "ann")
        tracking.track("order", "ann", {"amount": 19.9, "plan": "pro", "first": True})
        try:
            raise KeyError("item 7")
        except KeyError as error:
            tracking.error(error, "ann", "GET /items/7")
        assert tracking.flush()
    assert tracking.dropped == 0
    assert found(store) == {
        "event error": (1, 0),
        "event order": (1, 0),
        "fingerprint KeyError GET /items/{}: <text>": (1, 0),
    }


def test_a_server_that_was_down_gets_everything_once() -> None:
    store = Store()
    store.refusals = 2
    with serving(store) as url, tracker(url) as tracking:
        tracking.exposure("shop-v2", "v1", "ann")
        for _ in range(700):
            tracking.track("order", "ann")
        assert tracking.flush(30)
    assert store.load() == 701


def test_one_bad_event_does_not_take_the_others_with_it() -> None:
    store = Store()
    with serving(store) as url, tracker(url) as tracking:
        for number in range(9):
            tracking.track("two words" if number == 4 else "order", f"user-{number}")
        assert tracking.flush(30)
        assert tracking.dropped == 1
    assert store.load() == 8


def test_what_does_not_fit_is_dropped_and_counted() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound, not listening: nothing answers
        tracking = tracker(f"http://127.0.0.1:{closed.getsockname()[1]}", limit=5, every=100.0)
        for _ in range(8):
            tracking.track("order", "ann")
        assert tracking.dropped == 3
        tracking.close(0.0)
        assert not tracking.flush(0.0) or tracking.dropped == 8
        tracking.track("order", "ann")
    assert tracking.dropped >= 9 - 5


@pytest.mark.parametrize("value", [float("nan"), object(), {1, 2}])
def test_what_cannot_be_sent_never_raises(value: object) -> None:
    class Silent(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    tracking = tracker("http://127.0.0.1:1", every=100.0)
    tracking.track("order", "ann", {"amount": value})
    tracking.track("order", "\ud800", None)
    assert tracking.dropped == 1
    tracking.error(Silent(), "ann")
    assert tracking.dropped == 1
    tracking.close(0.0)


def test_a_wrong_token_drops_and_goes_on() -> None:
    store = Store()
    with serving(store) as url:
        tracking = Tracker(url, "gateway-token")
        tracking.track("order", "ann")
        assert tracking.flush()
        assert tracking.dropped == 1
        tracking.close()
    assert store.load() == 0


def test_what_waits_at_exit_is_sent() -> None:
    store = Store()
    with serving(store) as url:
        code = (
            "import sys; from fader.sdk import Tracker\n"
            "Tracker(sys.argv[1], 'events-token', every=100.0).track('order', 'ann')\n"
            "print(sorted(m for m in sys.modules if m.split('.')[0] in ('pydantic', 'numpy', 'duckdb', 'msgspec')))"
        )
        done = subprocess.run([sys.executable, "-c", code, url], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    assert store.load() == 1


def test_a_forked_process_sends_what_is_its_own_and_nothing_twice() -> None:
    """In a process of its own: forking one with threads and libraries of tests in it is nobody's business."""
    store = Store()
    with serving(store) as url:
        code = (
            "import os, sys; from fader.sdk import Tracker\n"
            "tracker = Tracker(sys.argv[1], 'events-token', every=100.0)\n"
            "tracker.track('parents', 'ann')\n"
            "child = os.fork()\n"
            "if not child:\n"
            "    tracker.track('childs', 'ann')\n"
            "    os._exit(0 if tracker.flush(10) else 1)\n"
            "assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0\n"
            "tracker.close()\n"
            "child = os.fork()\n"
            "os._exit(0) if not child else sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))\n"
        )
        subprocess.run([sys.executable, "-W", "ignore::DeprecationWarning", "-c", code, url], check=True, timeout=60)
    assert sorted(store.names_taken) == ["childs", "parents"]


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="no http"):
        Tracker("localhost:7070", "token")
