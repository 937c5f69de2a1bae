"""What a provider wants to be asked, and how it says that there is no number."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Request:
    url: str
    parameters: tuple[tuple[str, str], ...] = ()


class NoNumber(Exception):
    """The response has none; the text says why, as a person reads it after "PROVIDER "."""
