"""YAML text to plain data that remembers its lines.

Every scalar stays the text that was written, so that `off`, `1.10` and `0123` mean what they look like; each field
reads the text itself. Anchors and merge keys work; a key that stands twice is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml

from fader.errors import BadInput, Problem

Data = None | str | list["Data"] | dict[str, "Data"]
#: Where something stands in the file: keys and list positions from the top.
Location = tuple[str | int, ...]

MAX_BYTES = 1_000_000
#: Anchors can make a small text large; nobody needs more than this.
MAX_NODES = 50_000
_NULLS = frozenset({"", "~", "null", "Null", "NULL"})
_PLAIN_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, slots=True)
class Source:
    """`lines` counts from 1: the line of the key of a mapping's entry, and of the item of a list."""

    path: str
    data: Data
    lines: dict[Location, int]
    problems: tuple[Problem, ...] = ()

    def problem(self, where: Location, message: str, fix: str) -> Problem:
        """`message` goes behind the dotted place, e.g. `services.shop.listen: ...`, as far as it was written."""
        at, line = nearest(self.lines, where)
        place = ".".join(map(str, at))
        return Problem(f"{place}: {message}" if place else message, fix, self.path, line)


def nearest(lines: Mapping[Location, int], where: Location) -> tuple[Location, int]:
    """The nearest place that was written, and its line; parts that fader filled in are passed over."""
    at: Location = ()
    for part in where:
        if (*at, part) in lines:
            at = (*at, part)
    return at, lines.get(at, 1)


def read(text: str, path: str) -> Source:
    """Raises BadInput when the text is no YAML at all; keys that stand twice are among `problems`."""
    if len(text) > MAX_BYTES:
        raise BadInput(
            Problem("the file is larger than 1 MB", "split it, and apply the parts to one server each", path)
        )
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BadInput(_syntax(error, text, path)) from None
    except RecursionError:
        raise BadInput(Problem("the file is nested too deeply", "no key of fader lies deeper than 6", path)) from None
    reader = _Reader(path)
    try:
        data = None if node is None else reader.value(node, (), ())
    except RecursionError:
        raise BadInput(Problem("the file is nested too deeply", "no key of fader lies deeper than 6", path)) from None
    return Source(path, data, reader.lines, tuple(reader.problems))


def _syntax(error: yaml.YAMLError, text: str, path: str) -> Problem:
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Problem(f"the character U+{ord(text[error.position]):04X} is not allowed", "remove it", path, line)
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    line = mark.line + 1 if mark else 0
    column = mark.column + 1 if mark else 0
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None) or ""
    if "'\\t'" in what:
        return Problem(f"a tab at column {column}", "YAML indents by spaces: replace the tab", path, line)
    if "alias" in what or "alias" in context:
        return Problem(
            f"not valid YAML: {what}", 'a text that begins with * must be quoted: "*.example.com"', path, line
        )
    if "single document" in context or "another document" in what:
        return Problem("a second YAML document begins", "keep one document per file: remove the ---", path, line)
    where = f" at column {column}" if column else ""
    return Problem(
        f"not valid YAML{where}: {what}" + (f" {context}" if context else ""),
        "check brackets, quotes and indentation here and in the line above",
        path,
        line,
    )


@dataclass(slots=True)
class _Reader:
    path: str
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def value(self, node: yaml.Node, at: Location, above: tuple[yaml.Node, ...]) -> Data:
        line = node.start_mark.line + 1
        self.lines.setdefault(at, line)
        self.nodes += 1
        if self.nodes > MAX_NODES:
            raise BadInput(Problem("the anchors grow the file beyond reason", "write fewer aliases", self.path, line))
        if any(node is n for n in above):
            raise BadInput(Problem("an alias contains itself", "remove the alias from its own anchor", self.path, line))
        if not (node.tag or "").startswith(_PLAIN_TAG) or "python" in node.tag:
            self.problems.append(
                Problem(f"the tag {node.tag} is not supported", "remove it and write the value", self.path, line)
            )
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, at, (*above, node))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*at, i), (*above, node)) for i, item in enumerate(node.value)]
        plain = isinstance(node, yaml.ScalarNode) and node.style is None
        return None if plain and node.value in _NULLS else str(node.value)

    def _mapping(self, node: yaml.MappingNode, at: Location, above: tuple[yaml.Node, ...]) -> dict[str, Data]:
        own: dict[str, Data] = {}
        merged: dict[str, Data] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                fix = "a key is a single word; a text that holds { or [ must be quoted"
                self.problems.append(Problem("a key is a list or a mapping", fix, self.path, line))
            elif key.tag == "tag:yaml.org,2002:merge":
                for part in value.value if isinstance(value, yaml.SequenceNode) else [value]:
                    inherited = self.value(part, at, above)
                    if isinstance(inherited, dict):
                        merged = {**inherited, **merged}
            elif key.value in own:
                first = self.lines[(*at, key.value)]
                place = ".".join(str(p) for p in (*at, key.value))
                self.problems.append(
                    Problem(
                        f"{place}: stands twice, first in line {first}", "rename or remove one of them", self.path, line
                    )
                )
            else:
                self.lines[(*at, key.value)] = line
                own[key.value] = self.value(value, (*at, key.value), above)
        return {**merged, **own}
