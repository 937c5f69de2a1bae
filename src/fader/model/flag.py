"""A flag: a named decision with variants, taken in the app instead of at the gateway."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from fader.model.arm import Arm
from fader.model.share import Draw, Interval

FlagKind = Literal["boolean", "string", "number", "json"]

#: What a variant holds: plain JSON. Never changed in place.
Value = Any

#: What an app is told beside the value, by name.
FlagMetadata = Mapping[str, bool | int | float | str]


@dataclass(frozen=True, slots=True)
class Variant:
    name: str
    value: Value


@dataclass(frozen=True, slots=True)
class Rule:
    """Those for whom `condition` holds ("" is everybody) get `variant`. The first rule that applies wins.

    With a `share` below the whole (ppm) only that part of them, drawn by `{flag}/{name}`; the rest goes on to the
    next rule. Where the rule stands does not enter the salt, so that moving it moves nobody.
    """

    variant: str
    condition: str = ""
    share: int = 1_000_000
    name: str = ""


@dataclass(frozen=True, slots=True)
class Forced:
    """A unit that gets `variant` whatever the rules say."""

    unit: str
    variant: str


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """Another flag, and the variants of which the unit must have one."""

    flag: str
    variants: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Move:
    """The active rollout of a flag: units whom no rule settles and whose bucket under `salt` lies in `interval` get
    the candidate. `beside`: the further arms of an experiment that is running; none holds a bucket of another.
    `audience`: the condition for whom it is at all; "" is everybody. Units outside of the `layer` and inside of one of
    the `holdouts` are not in it."""

    rollout: str
    candidate: str
    salt: str
    interval: Interval
    beside: tuple[Arm, ...] = ()
    audience: str = ""
    layer: Draw | None = None
    holdouts: tuple[Draw, ...] = ()

    @property
    def arms(self) -> tuple[tuple[str, Interval], ...]:
        """Variants that are not the baseline, with the buckets that they hold now."""
        return (self.candidate, self.interval), *((a.version, a.interval) for a in self.beside if not a.withdrawn)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """Units that no rollout reached, and what they had before: they keep it when a rollout has ended."""

    draw: Draw
    variant: str


@dataclass(frozen=True, slots=True)
class Piece:
    """The units with these buckets get `variant`."""

    variant: str
    interval: Interval


@dataclass(frozen=True, slots=True)
class Flag:
    """In this order: not `enabled` or a prerequisite unmet: `off`; forced units; `rules`; `held`; `move`; `split`; else
    `default`.

    `client`: may be evaluated with a client key, by code in the hands of users. `expires`: the day, as YYYY-MM-DD,
    after which it should be gone from the code; "" is never. `schema`: JSON Schema, as text, that every JSON variant
    was checked against. `metadata`: told to whoever evaluates the flag, and never changed in place. `split`: pieces
    that together hold every bucket, or (); who is nobody gets `default` then.
    """

    name: str
    kind: FlagKind
    variants: tuple[Variant, ...]
    default: str
    off: str
    enabled: bool = True
    rules: tuple[Rule, ...] = ()
    forced: tuple[Forced, ...] = ()
    requires: tuple[Prerequisite, ...] = ()
    client: bool = False
    description: str = ""
    owner: str = ""
    expires: str = ""
    schema: str = ""
    metadata: FlagMetadata = field(default_factory=dict)
    move: Move | None = None
    held: tuple[HeldOut, ...] = ()
    split: tuple[Piece, ...] = ()

    def salt(self, rule: Rule) -> str:
        """By which the share of a rule is drawn."""
        return f"{self.name}/{rule.name}"

    @property
    def split_salt(self) -> str:
        """By which the pieces are drawn. No rule and no rollout is called so."""
        return f"{self.name}/*"


@dataclass(frozen=True, slots=True)
class Switch:
    """Somebody turned a flag on or off, whatever the file says. `at`: seconds since 1970 UTC."""

    flag: str
    enabled: bool
    at: float
    actor: str = ""
    reason: str = ""
