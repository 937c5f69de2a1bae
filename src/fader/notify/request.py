"""What a kind of channel makes of a notice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Request:
    """To be posted as it is: a signature covers these bytes."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Unsendable(Exception):
    """Why a notice cannot be sent, for a person; without what is secret."""
