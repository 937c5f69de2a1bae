"""`environments:` of fader.yaml: one file for several installations, each with values of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from pydantic import Field

from fader.errors import Problem
from fader.schema.crosscheck import written_names
from fader.schema.name import bad_name
from fader.schema.noun import Noun
from fader.schema.source import Data, Location, Source
from fader.schema.suggest import did_you_mean, quoted

#: The sections whose entries may differ from one environment to another.
DIFFERING = ("services", "flags")


class ServiceThere(Noun):
    """What a service may have of its own in an environment."""

    listen: str | None = Field(default=None, examples=["127.0.0.1:8081"])
    hosts: list[str] | str | None = None
    versions: dict[str, Any] | None = None
    baseline: str | None = None


class FlagThere(Noun):
    """Who gets what of a flag in an environment. What it is, is the same everywhere."""

    enabled: bool | None = Field(default=None, examples=["false"])
    default: str | dict[str, str] | None = None
    off: str | None = None
    rules: list[dict[str, Any]] | None = None
    units: dict[str, Any] | None = None


def environments(source: Source) -> tuple[str, ...]:
    """The names, () for a file that says none."""
    written = source.data.get("environments") if isinstance(source.data, dict) else None
    return tuple(name for name in written if isinstance(name, str)) if isinstance(written, list) else ()


def environment_problems(source: Source, here: str | None) -> Iterator[Problem]:
    """`here`: the environment that the file is read for; "" for that of a server of none, None where it is not said."""
    names = environments(source)
    written = source.data.get("environments") if isinstance(source.data, dict) else None
    at: Location = ("environments",)
    if written is not None and (not names or len(names) != len(written)):
        yield source.problem(at, "is no list of names", "write e.g. environments: [staging, production]")
    for i, name in enumerate(names):
        if bad := bad_name(name):
            yield source.problem((*at, i), *bad)
        if name in names[:i]:
            yield source.problem((*at, i), f"{quoted(name)} stands twice", "remove one of them")
    for section in (*DIFFERING, "rollouts"):
        for noun in written_names(source.data, section):
            for i, name in enumerate(_named(source, section, noun)):
                if name not in names:
                    fix = did_you_mean(name, names) if names else "add e.g. environments: [staging, production]"
                    where = (section, noun, "environments", i if section == "rollouts" else name)
                    yield source.problem(where, f"there is no environment {quoted(name)}", fix)
    if here is None or here in names or (not here and not names):
        return
    if here and names:
        yield source.problem(at, f"{here} is none of the environments of the file", did_you_mean(here, names))
    elif names:
        fix = f"start it with: fader up --environment {names[0]} (or another of them)"
        yield source.problem(at, f"the file is for {', '.join(names)}, and this server is of no environment", fix)


def there(source: Source, environment: str) -> Source:
    """The file as it is in one of its environments, or in none (""), with the lines of what it says there."""
    if not isinstance(source.data, dict):
        return source
    data: dict[str, Data] = dict(source.data)
    differing: set[tuple[str | int, ...]] = set()
    for section in DIFFERING:
        nouns = dict(written_names(data, section))
        for name in nouns:
            own = written_names(data, section, name, "environments", environment)
            if own:
                nouns[name] = {**written_names(data, section, name), **own}
                differing.add((section, name, "environments", environment))
        if nouns:
            data[section] = nouns
    moved = {(*at[:2], *at[4:]): line for at, line in source.lines.items() if at[:4] in differing and at[4:]}
    lines = {**source.lines, **moved}
    gone = {
        name
        for name in written_names(data, "rollouts")
        if (named := _named(source, "rollouts", name)) and environment and environment not in named
    }
    data |= _without(data, gone) if gone else {}
    return replace(source, data=data, lines=lines)


def _named(source: Source, section: str, noun: str) -> list[str]:
    written = written_names(source.data, section, noun).get("environments")
    return [str(name) for name in written] if isinstance(written, list | dict) else []


def _without(data: dict[str, Data], gone: set[str]) -> dict[str, Data]:
    """The sections that name rollouts, without these. A holdout of none that is left is none: no list means all."""
    kept: dict[str, Data] = {"rollouts": {n: r for n, r in written_names(data, "rollouts").items() if n not in gone}}
    layers: dict[str, Data] = {}
    for name, layer in written_names(data, "layers").items():
        if isinstance(layer, dict):
            nested = layer.get("rollouts") if set(layer) == {"rollouts"} else layer
            shares = {n: s for n, s in nested.items() if n not in gone} if isinstance(nested, dict) else nested
            layers[name] = {"rollouts": shares}
        else:
            layers[name] = layer
    holdouts: dict[str, Data] = {}
    for name, holdout in written_names(data, "holdouts").items():
        listed = holdout.get("rollouts") if isinstance(holdout, dict) else None
        if isinstance(holdout, dict) and isinstance(listed, list):
            left: list[Data] = [n for n in listed if n not in gone]
            if left or not listed:
                holdouts[name] = {**holdout, "rollouts": left}
        else:
            holdouts[name] = holdout
    return kept | ({"layers": layers} if layers else {}) | ({"holdouts": holdouts} if "holdouts" in data else {})
