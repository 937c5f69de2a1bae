"""The reference of the SDK names everything that can be called, and no more."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

from openfeature.event import ProviderEvent

from fader import sdk
from fader.model.evaluation import ErrorCode, Evaluation, Reason
from fader.sdk.django import OPTIONS

TEXT = (Path(__file__).parents[3] / "docs" / "reference" / "sdk.md").read_text()


def table(heading: str) -> list[str]:
    """The first cells of the table with that heading, without backticks."""
    rows = TEXT.split(f"\n| {heading} |", 1)[1].split("\n\n", 1)[0]
    return re.findall(r"^\| `([^`]+)` \|", rows, re.MULTILINE)


def public(kind: type) -> set[str]:
    return {name for name in dir(kind) if not name.startswith("_")}


def calls_in(heading: str) -> dict[str, list[str]]:
    """The calls of that table, each with the names of its arguments."""
    return {call.partition("(")[0]: re.findall(r"\w+", call.partition("(")[2]) for call in table(heading)}


def test_every_call_is_documented_with_its_arguments() -> None:
    calls = calls_in("call")
    assert set(calls) == public(sdk.Client) | {"failures"}
    for name in ("boolean", "string", "number", "json", "evaluate", "ready", "close"):
        assert calls[name] == list(inspect.signature(getattr(sdk.Client, name)).parameters)[1:], name


def test_every_call_of_the_tracker_is_documented_with_its_arguments() -> None:
    calls = calls_in("call of the tracker")
    assert set(calls) == public(sdk.Tracker)
    for name in calls.keys() - {"dropped"}:
        assert calls[name] == list(inspect.signature(getattr(sdk.Tracker, name)).parameters)[1:], name
    assert table("argument of the tracker") == list(inspect.signature(sdk.Tracker).parameters)


def test_arguments_fields_reasons_and_codes() -> None:
    assert table("argument") == list(inspect.signature(sdk.Client).parameters)
    assert table("field") == [f.name for f in fields(Evaluation)]
    assert table("reason") == list(get_args(Reason))
    assert table("error code") == [code for code in get_args(ErrorCode) if code]


def test_the_provider_of_openfeature() -> None:
    assert table("argument of the provider") == list(inspect.signature(sdk.FaderProvider).parameters)
    assert sorted(table("event of the provider")) == sorted(event.value for event in ProviderEvent)


def test_the_options_of_each_middleware() -> None:
    options = table("option of a middleware")
    assert options == list(OPTIONS)
    for kind in (sdk.AsgiMiddleware, sdk.WsgiMiddleware):
        assert options == [name for name in inspect.signature(kind).parameters if name != "app"]


def test_what_can_be_imported() -> None:
    usual, middleware, provider = re.findall(r"from fader.sdk import (.*)", TEXT)
    assert sorted(usual.split(", ") + middleware.split(", ")) == sorted(sdk.__all__)
    assert provider == sdk.FaderProvider.__name__
    assert public(sdk.MemoryClient) - {"failures"} <= set(re.findall(r"\w+", TEXT))
