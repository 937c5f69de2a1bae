"""The ruleset as the server sends it, JSON, to the nouns of the model."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from fader.model.arm import Arm
from fader.model.flag import Flag, Forced, HeldOut, Move, Piece, Prerequisite, Rule, Variant
from fader.model.segment import Segment
from fader.model.share import Draw, Interval


class Held(NamedTuple):
    """What a client needs of a ruleset: of services it knows nothing."""

    version: int
    flags: tuple[Flag, ...]
    segments: tuple[Segment, ...]


class Unreadable(ValueError):
    """What arrived is no ruleset."""


def read_ruleset(body: bytes) -> Held:
    """Flags and segments; keys that are not known are passed over. Raises Unreadable."""
    try:
        document = json.loads(body)
        flags, segments = map(_flag, document["flags"]), map(_segment, document["segments"])
        return Held(int(document["version"]), tuple(flags), tuple(segments))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def changed(held: Held, body: bytes) -> Held:
    """The ruleset after a change of it. Raises Unreadable, also for a change of another one."""
    try:
        change = json.loads(body)
        if change["from"] != held.version:
            raise Unreadable(f"it leads from version {change['from']}, and {held.version} is held")
        gone = change["gone"]
        flags = {flag.name: flag for flag in held.flags if flag.name not in gone["flags"]}
        segments = {segment.name: segment for segment in held.segments if segment.name not in gone["segments"]}
        flags |= {data["name"]: _flag(data) for data in change["flags"]}
        segments |= {data["name"]: _segment(data) for data in change["segments"]}
        return Held(int(change["version"]), tuple(flags.values()), tuple(segments.values()))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Unreadable(f"{type(error).__name__}: {error}") from None


def _flag(data: dict[str, Any]) -> Flag:
    return Flag(
        name=data["name"],
        kind=data["kind"],
        variants=tuple(Variant(v["name"], v["value"]) for v in data["variants"]),
        default=data["default"],
        off=data["off"],
        enabled=data["enabled"],
        rules=tuple(Rule(r["variant"], r["condition"], r["share"], r["name"]) for r in data["rules"]),
        forced=tuple(Forced(f["unit"], f["variant"]) for f in data["forced"]),
        requires=tuple(Prerequisite(p["flag"], tuple(p["variants"])) for p in data["requires"]),
        client=data["client"],
        metadata=data.get("metadata") or {},
        move=_move(data["move"]) if data.get("move") else None,
        held=tuple(HeldOut(_draw(h["draw"]), h["variant"]) for h in data.get("held", ())),
        split=tuple(Piece(p["variant"], _interval(p["interval"])) for p in data.get("split", ())),
    )


def _move(data: dict[str, Any]) -> Move:
    beside = tuple(Arm(a["version"], _interval(a["interval"]), a["withdrawn"]) for a in data["beside"])
    interval, audience = _interval(data["interval"]), data.get("audience", "")
    layer = _draw(data["layer"]) if data.get("layer") else None
    holdouts = tuple(map(_draw, data.get("holdouts", ())))
    return Move(data["rollout"], data["candidate"], data["salt"], interval, beside, audience, layer, holdouts)


def _draw(data: dict[str, Any]) -> Draw:
    return Draw(data["salt"], _interval(data["interval"]))


def _interval(data: dict[str, Any]) -> Interval:
    return Interval(data["start"], data["width"])


def _segment(data: dict[str, Any]) -> Segment:
    return Segment(data["name"], data["condition"], tuple(data["units"]))
