"""A ruleset as Envoy's configuration: pure, and the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fader.gateway.layout import Layout
from fader.model.ruleset import Ruleset

Document = dict[str, Any]
Kind = Literal["rtds", "cds", "sds", "rds", "lds"]


@dataclass(frozen=True, slots=True)
class File:
    """A file of dynamic configuration. `version` is a hash of its content and stands in it as `version_info`:
    an unchanged file keeps its version.

    `ack` is the name of Envoy's statistic that shows `version` once the file is in force
    (`/stats?filter=version_text`), "" where Envoy has none.
    """

    kind: Kind
    path: Path
    document: Document
    version: str
    ack: str


@dataclass(frozen=True, slots=True)
class Resources:
    """`bootstrap` depends on the layout alone, never on the services: Envoy is not restarted for a new ruleset.

    `check` is a whole static configuration with the same content, for `envoy --mode validate`.
    """

    ruleset: Ruleset
    layout: Layout
    bootstrap: Document
    files: Mapping[Path, File]
    check: Document


def render(ruleset: Ruleset, layout: Layout) -> Resources:
    """Everything that Envoy needs for `ruleset`."""
    raise NotImplementedError
