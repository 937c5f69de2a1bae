"""What is asked of flags.yaml through OpenFeature's SDKs, and what they must say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from fader.assign.evaluate import Flags
from fader.schema import load_document

TEXT = (Path(__file__).parent / "flags.yaml").read_text()
DEEP = {"back": "#000", "sizes": [1, 2.5], "deep": {"a": None}}
US = {"country": "US", "age": 18}


class Question(NamedTuple):
    """`kind`: boolean, string, number or object."""

    kind: str
    flag: str
    default: Any
    unit: str
    attributes: dict[str, Any]
    value: Any
    variant: str | None = None
    reason: str = "ERROR"
    error: str | None = None


QUESTIONS = (
    Question("boolean", "plain", False, "ann", {}, True, "on", "STATIC"),
    Question("boolean", "killed", True, "ann", {}, False, "off", "DISABLED"),
    Question("string", "country", "-", "ann", US, "Howdy", "us", "TARGETING_MATCH"),
    Question("string", "country", "-", "ann", {"country": "US", "age": 17.5}, "Hello", "other", "UNKNOWN"),
    Question("string", "country", "-", "ann", {"country": "US"}, "Hello", "other", "UNKNOWN"),
    Question("boolean", "named", False, "ann", {}, True, "on", "TARGETING_MATCH"),
    Question("boolean", "named", False, "Jörg", {}, True, "on", "TARGETING_MATCH"),
    Question("number", "limit", 1.5, "ann", {"pro": True}, 2.5, "high", "TARGETING_MATCH"),
    Question("object", "theme", {"mine": 1}, "ann", {"groups": ["day", "night"]}, DEEP, "dark", "TARGETING_MATCH"),
    Question("object", "theme", {"mine": 1}, "ann", {"groups": []}, {}, "light", "UNKNOWN"),
    Question("boolean", "nothing", True, "ann", {}, True, error="FLAG_NOT_FOUND"),
    Question("boolean", "country", True, "ann", {}, True, error="TYPE_MISMATCH"),
    Question("string", "plain", "-", "ann", {}, "-", error="TYPE_MISMATCH"),
)


def drawn() -> Iterator[Question]:
    """Who is drawn, as it is published: by the evaluator itself."""
    document = load_document(TEXT, "flags.yaml")
    flags = Flags(document.flags, document.segments)
    for name in ("third", "needs"):
        for unit in (f"user-{n}" for n in range(20)):
            found = flags.evaluate(name, unit, {})
            reason = "UNKNOWN" if found.reason == "DEFAULT" else found.reason
            yield Question("boolean", name, False, unit, {}, found.value, found.variant, reason)
