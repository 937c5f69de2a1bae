"""YAML text to plain data that remembers its lines.

Every scalar stays the text that was written, so that `off`, `1.10` and `0123` mean what they look like; each field
reads the text itself. Anchors and merge keys work; a key that stands twice is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import yaml
from yaml.reader import Reader

from fader.errors import BadInput, Problem
from fader.schema.node import DEEPEST, MOST, Node, compose, too_deep

Data = None | str | list["Data"] | dict[str, "Data"]
#: Where something stands in the file: keys and list positions from the top.
Location = tuple[str | int, ...]

#: Of UTF-8.
MAX_BYTES = 10_000_000
#: Anchors can make a small text large: each value may be repeated so often on average, unless there are few.
MOST_REPEATED, FEW = 10, 50_000
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
    if len(text) > MAX_BYTES or len(text.encode(errors="replace")) > MAX_BYTES:
        fix = "list the units of segments in files (units_file), or apply parts to one server each"
        raise BadInput(Problem(f"the file is larger than {MAX_BYTES // 1_000_000} MB", fix, path))
    if bad := Reader.NON_PRINTABLE.search(text):
        line = text.count("\n", 0, bad.start()) + 1
        raise BadInput(Problem(f"the character U+{ord(bad[0]):04X} is not allowed", "remove it", path, line))
    try:
        root, written = compose(text, path)
    except yaml.YAMLError as error:
        raise BadInput(_syntax(error, text, path)) from None
    reader = _Reader(path, min(MOST, max(FEW, MOST_REPEATED * written)))
    data = None if root is None else reader.value(root, (), ())
    return Source(path, data, reader.lines, tuple(reader.problems))


def _syntax(error: yaml.YAMLError, text: str, path: str) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    lines = text.splitlines()
    line = min(mark.line + 1, len(lines)) if mark else 0  # the end of the text is in no line
    column = mark.column + 1 if mark else 0
    what = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None) or ""
    if mark and lines[line - 1][mark.column : column] == "\t":
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
    #: So many values may there be, those that aliases repeat among them.
    most: int
    lines: dict[Location, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    nodes: int = 0

    def value(self, node: Node, at: Location, above: tuple[Node, ...]) -> Data:
        line = node.line
        self.lines.setdefault(at, line)
        self.nodes += 1
        if self.nodes > self.most:
            raise BadInput(Problem("the anchors grow the file beyond reason", "write fewer aliases", self.path, line))
        if node in above:
            raise BadInput(Problem("an alias contains itself", "remove the alias from its own anchor", self.path, line))
        if len(above) > DEEPEST:
            raise too_deep(self.path, line)
        if node.tag and (not node.tag.startswith(_PLAIN_TAG) or "python" in node.tag) and node.tag != "!":
            self.problems.append(
                Problem(f"the tag {node.tag} is not supported", "remove it and write the value", self.path, line)
            )
            return None
        if node.entries is not None:
            return self._mapping(node.entries, at, (*above, node))
        if node.items is not None:
            return [self.value(item, (*at, i), (*above, node)) for i, item in enumerate(node.items)]
        return None if node.plain and node.text in _NULLS else node.text

    def _mapping(self, entries: list[tuple[Node, Node]], at: Location, above: tuple[Node, ...]) -> dict[str, Data]:
        own: dict[str, Data] = {}
        merged: dict[str, Data] = {}
        for key, value in entries:
            if key.text is None:
                fix = "a key is a single word; a text that holds { or [ must be quoted"
                self.problems.append(Problem("a key is a list or a mapping", fix, self.path, key.line))
            elif key.merges:
                for part in [value] if value.items is None else value.items:
                    inherited = self.value(part, at, above)
                    if isinstance(inherited, dict):
                        merged = {**inherited, **merged}
            elif key.text in own:
                first = self.lines[(*at, key.text)]
                place = ".".join(str(p) for p in (*at, key.text))
                message, fix = f"{place}: stands twice, first in line {first}", "rename or remove one of them"
                self.problems.append(Problem(message, fix, self.path, key.line))
            else:
                self.lines[(*at, key.text)] = key.line
                own[key.text] = self.value(value, (*at, key.text), above)
        return {**merged, **own}
