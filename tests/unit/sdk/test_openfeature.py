"""The provider beyond the specification's scenarios: every kind, events, tracking, and an app without the extra."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from memory_source import BODY, PATIENCE, VECTORS, MemorySource, ruleset, until
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.event import EventDetails, ProviderEvent
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus
from openfeature.track import TrackingEventDetails

from fader.errors import Unavailable
from fader.sdk import Client, FaderProvider, MemoryClient, Tracker, asking
from fader.sdk.source import KeyRefused

Open = Callable[..., Client]


@pytest.fixture
def opened() -> Iterator[Open]:
    clients: list[Client] = []

    def open_(source: MemorySource, silence: float = PATIENCE) -> Client:
        clients.append(Client("http://127.0.0.1:1", "key", source=source, silence=silence))
        return clients[-1]

    yield open_
    api.shutdown()
    for client in clients:
        client.close()


@pytest.fixture
def events() -> list[str]:
    """What OpenFeature's SDK says to the app, in order."""
    heard: list[str] = []

    def hear(event: ProviderEvent) -> None:
        def handler(details: EventDetails) -> None:
            assert details.provider_name == "fader"
            heard.append(event.value.removeprefix("PROVIDER_"))

        api.add_handler(event, handler)

    for event in ProviderEvent:
        hear(event)
    # The provider that does nothing is ready, and says so at once.
    return heard


def about(unit: str | None = None, **attributes: Any) -> EvaluationContext:
    return EvaluationContext(unit, attributes)


def test_the_answers_of_the_vectors(opened: Open) -> None:
    """The same as the client's own, with variant and reason."""
    provider = FaderProvider(opened(MemorySource(BODY)))
    provider.initialize(EvaluationContext())
    ask: dict[str, Callable[..., Any]] = {
        "boolean": lambda *a: provider.resolve_boolean_details(a[0], False, a[1]),
        "string": lambda *a: provider.resolve_string_details(a[0], "-", a[1]),
        "number": lambda *a: provider.resolve_float_details(a[0], -1.0, a[1]),
        "json": lambda *a: provider.resolve_object_details(a[0], {}, a[1]),
    }
    kinds = {flag["name"]: flag["kind"] for flag in VECTORS["ruleset"]["flags"]}
    for case in VECTORS["cases"]:
        for flag, answer in case["answers"].items():
            found = ask[kinds[flag]](flag, EvaluationContext(case["unit"], case["attributes"]))
            assert ([found.variant, found.reason.value], found.error_code) == (answer, None), (flag, case)


@pytest.mark.parametrize(
    ("value", "whole", "real"),
    [
        (5, 5, 5.0),
        (5.0, 5, 5.0),
        (0.5, None, 0.5),
        (0, 0, 0.0),
        (True, None, None),
        ("5", None, None),
        (10**400, 10**400, None),
        (float("inf"), None, float("inf")),
    ],
)
def test_whole_numbers_and_others(value: Any, whole: int | None, real: float | None) -> None:
    provider = FaderProvider(MemoryClient({"n": value}))
    found, float_ = provider.resolve_integer_details("n", -1), provider.resolve_float_details("n", -1.5)
    assert (type(found.value), found.value) == (int, -1 if whole is None else whole)
    assert (type(float_.value), float_.value) == (float, -1.5 if real is None else real)
    assert (found.error_code is None, float_.error_code is None) == (whole is not None, real is not None)


def test_another_kind_is_an_error_and_counted() -> None:
    client = MemoryClient({"b": True, "s": "x", "o": {"a": []}})
    provider = FaderProvider(client)
    wrong = [
        provider.resolve_boolean_details("s", False),
        provider.resolve_string_details("b", "d"),
        provider.resolve_object_details("s", {"d": 1}),
    ]
    assert [(w.value, w.error_code, w.reason, w.variant) for w in wrong] == [
        (default, ErrorCode.TYPE_MISMATCH, Reason.ERROR, None) for default in (False, "d", {"d": 1})
    ]
    assert client.failures == {"TYPE_MISMATCH": 3}


def test_an_object_is_the_callers_own() -> None:
    provider = FaderProvider(MemoryClient({"o": {"a": []}}))
    first: Any = provider.resolve_object_details("o", {}).value
    first["a"].append("mine")
    assert provider.resolve_object_details("o", {}).value == {"a": []}


@pytest.mark.parametrize(
    "context", [5, EvaluationContext(5, {}), EvaluationContext("ann", 5), EvaluationContext("ann", {"country": object})]
)
def test_nothing_is_raised_whatever_is_asked(opened: Open, context: Any) -> None:
    client = opened(MemorySource(BODY))
    assert client.ready(PATIENCE)
    provider = FaderProvider(client)
    for flag in ("drawn", "ruled", "none", 5, []):
        found = provider.resolve_string_details(flag, "d", context)
        assert found.value == "d" or (flag, found.error_code) == ("ruled", None)
    provider.track("order", context)


def test_inside_of_a_request_the_unit_is_who_sent_it(opened: Open) -> None:
    api.set_provider_and_wait(FaderProvider(opened(MemorySource(BODY))))
    app = api.get_client()
    drawn = {unit: app.get_boolean_value("drawn", False, about(unit)) for unit in map(str, range(20))}
    assert set(drawn.values()) == {True, False}
    for unit, on in drawn.items():
        with asking(unit, {"country": "US", "plan": "free"}):
            assert app.get_boolean_value("drawn", False) is on
            assert app.get_boolean_value("drawn", False, about("1")) is drawn["1"]
            assert app.get_string_value("ruled", "-", about(plan="pro")) == "y"


def test_which_rule_applied_and_the_flags_own_metadata(opened: Open) -> None:
    client = opened(MemorySource(ruleset(1, metadata={"team": "checkout"})))
    assert client.ready(PATIENCE)
    provider = FaderProvider(client)
    drawn = provider.resolve_boolean_details("drawn", False, about("user-1"))
    assert dict(drawn.flag_metadata) == {"rule": "third", "team": "checkout"}
    assert dict(provider.resolve_boolean_details("plain", False).flag_metadata) == {"team": "checkout"}
    assert dict(provider.resolve_boolean_details("none", False).flag_metadata) == {}


@pytest.mark.parametrize(
    ("attribute", "on"),
    [
        (datetime(2026, 1, 31, 1, tzinfo=timezone(timedelta(hours=2))), True),
        (datetime(2026, 1, 31, 1, tzinfo=UTC), False),
        (datetime(2020, 1, 1), True),
        ("2026-01-30T23:00:00Z", True),
    ],
)
def test_moments_are_read_by_conditions(opened: Open, attribute: object, on: bool) -> None:
    rules = [
        {"variant": "on", "condition": condition, "share": 1_000_000, "name": ""}
        for condition in (
            'timestamp(at) < timestamp("2026-01-31T00:00:00Z")',
            'timestamp(account.at) < timestamp("2026-01-31T00:00:00Z")',
        )
    ]
    client = opened(MemorySource(ruleset(1, rules=rules, default="off", requires=[], enabled=True)))
    assert client.ready(PATIENCE)
    provider = FaderProvider(client)
    assert provider.resolve_boolean_details("drawn", not on, about(at=attribute)).value is on
    inside = about(account={"at": attribute, "tags": ["a"]})
    assert provider.resolve_boolean_details("drawn", not on, inside).value is on


def test_the_events_of_a_life(opened: Open, events: list[str]) -> None:
    source = MemorySource(ruleset(7))
    client = opened(source, silence=0.0)
    app = api.get_client()
    until(lambda: len(source.asked) == 2)
    api.set_provider_and_wait(FaderProvider(client))
    heard = events

    def then(*more: str) -> None:
        until(lambda: heard[-len(more) :] == list(more))

    then("READY")
    source.put(ruleset(8))
    then("READY", "CONFIGURATION_CHANGED")
    source.put(Unavailable("gone"), Unavailable("gone"))
    then("CONFIGURATION_CHANGED", "STALE")
    assert app.get_provider_status() is ProviderStatus.STALE
    assert app.get_boolean_value("plain", False)
    source.put(None)
    then("STALE", "READY")
    assert app.get_provider_status() is ProviderStatus.READY
    source.put(Unavailable("gone"), ruleset(9))
    then("STALE", "READY", "CONFIGURATION_CHANGED")
    assert client.version == 9


def test_a_server_that_comes_late_makes_the_provider_ready(opened: Open, events: list[str]) -> None:
    source = MemorySource(Unavailable("gone"))
    app = api.get_client()
    with pytest.raises(ProviderNotReadyError):
        api.set_provider_and_wait(FaderProvider(opened(source), timeout=0.01))
    assert app.get_provider_status() is ProviderStatus.ERROR
    assert app.get_boolean_details("plain", True).error_code is ErrorCode.PROVIDER_NOT_READY
    until(lambda: events[-1:] == ["ERROR"])
    source.put(ruleset(7))
    until(lambda: events[-2:] == ["ERROR", "READY"])
    assert app.get_boolean_value("plain", False)


def test_a_key_that_is_refused_is_fatal_until_it_is_not(opened: Open) -> None:
    source = MemorySource(KeyRefused("no"))
    client, app = opened(source), api.get_client()
    until(lambda: client.refused)
    with pytest.raises(ProviderFatalError):
        api.set_provider_and_wait(FaderProvider(client, timeout=0.01))
    assert app.get_boolean_details("plain", True).error_code is ErrorCode.PROVIDER_FATAL
    source.put(ruleset(7))
    until(lambda: app.get_provider_status() is ProviderStatus.READY)
    assert app.get_boolean_value("plain", False)


def test_after_the_shutdown_nothing_is_heard_and_the_client_goes_on(opened: Open, events: list[str]) -> None:
    source = MemorySource(ruleset(7))
    client = opened(source)
    provider = FaderProvider(client)
    api.set_provider_and_wait(provider)
    until(lambda: events[-1:] == ["READY"])
    provider.shutdown()
    source.put(ruleset(8))
    until(lambda: len(source.asked) == 3)
    assert client.version == 8
    assert "CONFIGURATION_CHANGED" not in events
    assert client.boolean("plain", default=False)


def test_the_in_memory_client_in_the_tests_of_an_app(opened: Open, events: list[str]) -> None:
    flags = MemoryClient({"new-checkout": True})
    api.set_provider_and_wait(FaderProvider(flags))
    app = api.get_client()
    assert app.get_boolean_value("new-checkout", False)
    flags.set("new-checkout", False)
    assert not app.get_boolean_value("new-checkout", True)
    until(lambda: "CONFIGURATION_CHANGED" in events)


@pytest.fixture
def sent() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A server that takes every event: its address, and what it took."""
    taken: list[dict[str, Any]] = []

    class Taker(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["events"])
            self.send_response(202)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Taker) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", taken
        server.shutdown()
        thread.join()


def test_what_is_tracked_is_sent(
    opened: Open, sent: tuple[str, list[dict[str, Any]]], caplog: pytest.LogCaptureFixture
) -> None:
    url, taken = sent
    with Tracker(url, "token", every=60.0) as tracker:
        api.set_provider_and_wait(FaderProvider(MemoryClient(), tracker))
        app = api.get_client()
        app.context = about("ann", plan="pro")
        app.track("order", tracking_event_details=TrackingEventDetails(19.9, {"currency": "EUR", "items": ["a"]}))
        app.track("visit")
        for _ in range(2):
            api.get_client().track("visit")
        with asking("eve", {"plan": "free"}):
            api.get_client().track("visit")
        api.shutdown()  # sends what waits
        assert [(e["name"], e["unit"], e["properties"]) for e in taken] == [
            ("order", "ann", {"currency": "EUR", "value": 19.9}),
            ("visit", "ann", {}),
            ("visit", "eve", {}),
        ]
    assert [r.getMessage() for r in caplog.records] == ["visit was tracked without a targeting key, and is not sent"]


def test_without_a_tracker_nothing_is_tracked() -> None:
    FaderProvider(MemoryClient()).track("order", about("ann"))


def test_without_the_extra_the_line_to_type_is_said() -> None:
    """In a process that cannot import it: as if it were not installed."""
    script = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "openfeature":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Missing())
from fader.sdk import *
import fader.sdk
assert not hasattr(fader.sdk, "Nothing")
try:
    from fader.sdk import FaderProvider
except ImportError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "FaderProvider needs the SDK of OpenFeature; type: pip install 'fader[openfeature]'\n"
