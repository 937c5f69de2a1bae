"""pydantic's errors in the words of fader: file, line, what is wrong, and the fix."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args, get_origin

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from fader.errors import Problem
from fader.schema.noun import Noun
from fader.schema.source import Location, Source
from fader.schema.suggest import WRONG, did_you_mean, listed, quoted

#: pydantic's types that say "another kind of thing is expected here", as people say it.
_KINDS = {
    "dict_type": ("a mapping", "write {key: value, ...}, or indented lines of key: value"),
    "model_type": ("a mapping", "write {key: value, ...}, or indented lines of key: value"),
    "list_type": ("a list", "write [a, b], or indented lines that begin with -"),
    "string_type": ("a text", "write one word or a text in quotes"),
    "int_type": ("a whole number", "write a whole number, e.g. 200"),
    "int_parsing": ("a whole number", "write a whole number, e.g. 200"),
    "float_type": ("a number", "write a number, e.g. 0.95"),
    "float_parsing": ("a number", "write a number, e.g. 0.95"),
    "bool_type": ("true or false", "write true or false"),
    "bool_parsing": ("true or false", "write true or false"),
}


def problems(error: ValidationError, noun: type[Noun], at: Location, source: Source) -> Iterator[Problem]:
    """One problem per error of `noun`, which stands at `at` in the file."""
    for detail in error.errors(include_url=False):
        where: Location = (*at, *detail["loc"], *detail.get("ctx", {}).get("at", ()))
        yield source.problem(where, *_words(detail, noun))


def _words(detail: ErrorDetails, noun: type[Noun]) -> tuple[str, str]:
    kind, loc, value, ctx = detail["type"], detail["loc"], detail["input"], detail.get("ctx", {})
    if kind == WRONG:
        return ctx["message"], ctx["fix"]
    if kind == "extra_forbidden":
        owner = _noun_at(noun, loc[:-1])
        return "unknown key", did_you_mean(str(loc[-1]), owner.written() if owner else ())
    if kind == "missing":
        owner = _noun_at(noun, loc[:-1])
        field = owner.written().get(str(loc[-1])) if owner else None
        example = field.examples[0] if field and field.examples else "..."
        return f"{loc[-1]} is missing", f"add {loc[-1]}: {_text(example)}"
    if kind == "literal_error":
        words = [w.strip().strip("'") for w in ctx["expected"].replace(" or ", ", ").split(",")]
        return f"{_shown(value)} is not one of {listed(words)}", did_you_mean(value, words) if isinstance(
            value, str
        ) else f"write one of {listed(words)}"
    if kind == "string_too_short":
        return "is empty", "write a text"
    if kind in _KINDS:
        expected, fix = _KINDS[kind]
        return f"expected {expected}, found {_shown(value)}", fix
    return detail["msg"], "see docs/reference/configuration.md"


def _text(example: object) -> str:
    return "[" + ", ".join(map(str, example)) + "]" if isinstance(example, list) else str(example)


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return "nothing" if value is None else quoted(value)


def _noun_at(noun: type[Noun], loc: tuple[int | str, ...]) -> type[Noun] | None:
    """The model that stands at a place below `noun`."""
    kind: Any = noun
    for part in loc:
        if isinstance(kind, type) and issubclass(kind, Noun):
            field = kind.written().get(str(part))
            kind = _inner(field.annotation) if field else None
        else:
            kind = _inner(get_args(kind)[-1]) if get_args(kind) else None
    return kind if isinstance(kind, type) and issubclass(kind, Noun) else None


def _inner(kind: Any) -> Any:
    """`X | None` → X; everything else as it is."""
    if get_origin(kind) in {list, dict}:
        return kind
    options = [a for a in get_args(kind) if a is not type(None)]
    return options[0] if options else kind
