"""Rulesets on the gateway's disk: the last one received, and the last one that Envoy took."""

from __future__ import annotations

from pathlib import Path

import msgspec

from fader.errors import Corrupt
from fader.gateway import durable_file
from fader.model.ruleset import Ruleset


class RulesetFile:
    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> Ruleset | None:
        """None when there is none yet. Raises Corrupt."""
        content = durable_file.content(self._path)
        if content is None:
            return None
        try:
            return msgspec.json.decode(content, type=Ruleset)
        except msgspec.DecodeError as error:
            raise Corrupt(f"{self._path} cannot be read: {error}") from error

    def store(self, ruleset: Ruleset) -> None:
        """There for every later process when it returns; on disk for a loss of power after `sync`. Raises OSError."""
        durable_file.replace(self._path, msgspec.json.encode(ruleset), sync=False)

    def sync(self) -> None:
        """Raises OSError."""
        durable_file.sync(self._path)
