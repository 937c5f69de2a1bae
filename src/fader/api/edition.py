"""A ruleset as SDKs get it: JSON, made of a piece for each flag and segment, so that a change costs what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import msgspec
from xxhash import xxh3_64_digest, xxh3_128_hexdigest

from fader.model.ruleset import Ruleset

#: What of a ruleset is sent: tuples of nouns, each with a name.
PARTS = ("flags", "segments")


class Piece(NamedTuple):
    """One flag or segment, its JSON, and a digest of that."""

    noun: Any
    body: bytes
    digest: bytes


class Edition:
    """What is the same object as in the edition `before` is not encoded again."""

    def __init__(self, ruleset: Ruleset, before: Edition | None = None) -> None:
        self.ruleset, self.version = ruleset, ruleset.version
        self._pieces: dict[str, dict[str, Piece]] = {}
        for part in PARTS:
            held = before._pieces[part] if before else {}
            self._pieces[part] = {noun.name: _piece(noun, held.get(noun.name)) for noun in getattr(ruleset, part)}
        digests = (b"".join(piece.digest for piece in pieces.values()) for pieces in self._pieces.values())
        #: Of the content alone: the same content has the same digest under another version and in another process.
        self.digest = xxh3_128_hexdigest(b"/".join(digests))
        self.id = f"{self.version}-{self.digest}"

    @cached_property
    def body(self) -> bytes:
        """The whole, with `version`, and `services`, of which apps need none."""
        parts = {part: [piece.body for piece in pieces.values()] for part, pieces in self._pieces.items()}
        return b'{"version":%d,"services":[],%b}' % (self.version, _lists(parts))

    def since(self, before: Edition) -> bytes:
        """What became of the edition `before`: flags and segments that are new or changed, names of those `gone`."""
        changed, gone = {}, {}
        for part, pieces in self._pieces.items():
            held = before._pieces[part]
            changed[part] = [p.body for name, p in pieces.items() if name not in held or held[name].body != p.body]
            gone[part] = [name for name in held if name not in pieces]
        return self._change(before.version, changed, gone)

    def renumbered(self, version: int) -> bytes:
        """The change from a `version` with the same content."""
        return self._change(version, {part: [] for part in PARTS}, {part: [] for part in PARTS})

    def _change(self, before: int, changed: Mapping[str, Sequence[bytes]], gone: Mapping[str, Sequence[str]]) -> bytes:
        parts = _lists(changed)
        return b'{"from":%d,"version":%d,%b,"gone":%b}' % (before, self.version, parts, msgspec.json.encode(gone))


def _piece(noun: Any, held: Piece | None) -> Piece:
    if held is not None and held.noun is noun:
        return held
    body = msgspec.json.encode(noun)
    return Piece(noun, body, xxh3_64_digest(body))


def _lists(parts: Mapping[str, Sequence[bytes]]) -> bytes:
    return b",".join(b'"%b":[%b]' % (part.encode(), b",".join(bodies)) for part, bodies in parts.items())
