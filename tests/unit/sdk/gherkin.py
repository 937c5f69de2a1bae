"""Scenarios in Gherkin, as far as OpenFeature's specification uses the language."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_STEP = re.compile(r"(?:Given|When|Then|And|But) (.*)")
_PLACE = re.compile(r"<([^<>]+)>")


@dataclass
class Step:
    text: str
    table: list[list[str]] = field(default_factory=list)

    def filled(self, values: dict[str, str]) -> Step:
        return Step(_fill(self.text, values), [[_fill(cell, values) for cell in row] for row in self.table])


@dataclass
class Scenario:
    name: str
    tags: frozenset[str]
    steps: list[Step]


def scenarios(text: str) -> list[Scenario]:
    """Every scenario with the steps of the background before its own; an outline once for each of its examples."""
    found: list[Scenario] = []
    background: list[Step] = []
    steps, rows = background, None
    tags: set[str] = set()
    name, own = "", frozenset[str]()
    for line in filter(None, map(str.strip, text.splitlines())):
        keyword, _, rest = line.partition(":")
        if line.startswith("#") or keyword in ("Feature", "Background"):
            tags.clear()
        elif line.startswith("@"):
            tags |= set(line.split())
        elif keyword in ("Scenario", "Scenario Outline"):
            name, own, steps, rows = rest.strip(), frozenset(tags), [], None
            tags.clear()
            if keyword == "Scenario":
                found.append(Scenario(name, own, steps))
        elif keyword == "Examples":
            rows = []
            of_examples = own | tags
            tags.clear()
        elif line.startswith("|"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            if rows is None:
                steps[-1].table.append(cells)
                continue
            rows.append(cells)
            if len(rows) > 1:
                values = dict(zip(rows[0], cells, strict=True))
                found.append(Scenario(f"{name} {cells}", of_examples, [step.filled(values) for step in steps]))
        elif step := _STEP.fullmatch(line):
            steps.append(Step(step[1]))
        elif name and steps:
            raise ValueError(f"cannot be read: {line}")
    return [Scenario(s.name, s.tags, background + s.steps) for s in found]


def _fill(text: str, values: dict[str, str]) -> str:
    return _PLACE.sub(lambda place: values[place[1]], text)
