"""This server as it stands on its machine: what its settings page tells. Never a secret."""

from __future__ import annotations

from dataclasses import dataclass

from fader.model.front import LOOPBACK, Front


@dataclass(frozen=True, slots=True)
class Key:
    """A secret by its name alone. `opens`: what one may do with it; `file`: where it lies in the data directory."""

    name: str
    opens: str
    file: str


@dataclass(frozen=True, slots=True)
class Installation:
    """`keep`: seconds for which events are kept. `data`: the data directory, "" where everything is in memory; then
    sizes are 0. `state_bytes`, `event_bytes`: what history and events take there; `free_bytes`: what is left.
    `environment`: "" for none. `front`: how people reach it."""

    version: str
    python: str
    keep: float
    data: str = ""
    state_bytes: int = 0
    event_bytes: int = 0
    free_bytes: int = 0
    keys: tuple[Key, ...] = ()
    environment: str = ""
    front: Front = LOOPBACK
