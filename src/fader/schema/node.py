"""YAML text to nodes with lines: what was written, before anchors and merge keys are resolved to data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import yaml

from fader.errors import BadInput, Problem

#: Levels of values in values. No key of fader lies deeper than 6.
DEEPEST = 50
#: Values of a file; ten thousand flags have some 300,000.
MOST = 1_000_000
#: The parser in C reads what the one in Python does, ten times as fast; where it is not built, the latter has to do.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MERGE = "tag:yaml.org,2002:merge"


@dataclass(eq=False, slots=True)
class Node:
    """A text, a list or a mapping, whichever is not None. An alias is the node of its anchor. `line` counts from 1.

    `tag` is None unless one was written. `plain`: a text without quotes.
    """

    line: int
    tag: str | None = None
    text: str | None = None
    items: list[Node] | None = None
    entries: list[tuple[Node, Node]] | None = None
    plain: bool = False

    @property
    def merges(self) -> bool:
        """Whether, as a key, it is the merge key."""
        return self.tag == _MERGE or (self.plain and self.text == "<<" and self.tag is None)


def compose(text: str, path: str) -> tuple[Node | None, int]:
    """The root, None of an empty text, and how many nodes were written. Raises BadInput; yaml.YAMLError for what is no
    YAML."""
    composer = _Composer(path)
    composer.take(yaml.parse(text, Loader=_LOADER))
    return composer.root, composer.written


@dataclass(slots=True)
class _Composer:
    """yaml's own composer calls itself for each level: a text of a hundred thousand brackets would end the process."""

    path: str
    root: Node | None = None
    written: int = 0
    anchors: dict[str, Node] = field(default_factory=dict)
    open_: list[Node] = field(default_factory=list)
    #: Of each open node, the key that waits for its value; None where a key is next, or in a list.
    keys: list[Node | None] = field(default_factory=list)

    def take(self, events: Iterable[yaml.Event]) -> None:
        for event in events:
            mark: Any = event.start_mark  # of either parser
            line = mark.line + 1
            match event:
                case yaml.ScalarEvent():
                    self._add(Node(line, event.tag, text=event.value, plain=not event.style), event.anchor)
                case yaml.AliasEvent():
                    if event.anchor not in self.anchors:
                        problem = f"found undefined alias {event.anchor!r}"
                        raise yaml.composer.ComposerError(None, None, problem, mark)
                    self._put(self.anchors[event.anchor])
                case yaml.MappingStartEvent():
                    self._open(Node(line, event.tag, entries=[]), event.anchor)
                case yaml.SequenceStartEvent():
                    self._open(Node(line, event.tag, items=[]), event.anchor)
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    self.open_.pop()
                    self.keys.pop()
                case yaml.DocumentStartEvent() if self.root is not None:
                    raise yaml.composer.ComposerError(
                        "expected a single document in the stream", None, "but found another document", mark
                    )

    def _open(self, node: Node, anchor: str | None) -> None:
        self._add(node, anchor)
        self.open_.append(node)
        self.keys.append(None)
        if len(self.open_) > DEEPEST:
            raise too_deep(self.path, node.line)

    def _add(self, node: Node, anchor: str | None) -> None:
        self.written += 1
        if self.written > MOST:
            fix = "list the units of segments in files (units_file), or apply parts to one server each"
            raise BadInput(Problem(f"the file holds more than {MOST:,} values", fix, self.path, node.line))
        if anchor is not None:
            self.anchors[anchor] = node
        self._put(node)

    def _put(self, node: Node) -> None:
        if not self.open_:
            self.root = node
            return
        above, key = self.open_[-1], self.keys[-1]
        if above.items is not None:
            above.items.append(node)
        elif key is None:
            self.keys[-1] = node
        elif above.entries is not None:
            above.entries.append((key, node))
            self.keys[-1] = None


def too_deep(path: str, line: int) -> BadInput:
    return BadInput(Problem("the file is nested too deeply", "no key of fader lies deeper than 6", path, line))
