"""The path of one unit through the rules of a flag, in sentences: what was asked, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from fader.assign.bucket import bucket, cut
from fader.assign.cel_parser import parse
from fader.assign.condition import Attributes, compile_condition
from fader.assign.evaluate import Flags, compiled, rule_name
from fader.assign.pieces import weights
from fader.assign.reach import drawn, reached
from fader.model.evaluation import Evaluation
from fader.model.flag import Flag, Move, Rule
from fader.model.share import WHOLE, percent


@dataclass(frozen=True, slots=True)
class Stop:
    """One thing that was looked at. `decided`: it settled the answer, and nothing behind it was looked at."""

    what: str
    found: str
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Trail:
    stops: tuple[Stop, ...]
    answer: Evaluation


def trail(flags: Flags, name: str, unit: str, attributes: Attributes) -> Trail:
    """Raises KeyError for a flag that does not exist."""
    flag = flags.flags[name]
    stops: list[Stop] = []
    for stop in _stops(flags, flag, unit, attributes):
        stops.append(stop)
        if stop.decided:
            break
    return Trail(tuple(stops), flags.evaluate(name, unit, attributes))


def _stops(flags: Flags, flag: Flag, unit: str, attributes: Attributes) -> Iterator[Stop]:
    on = "on" if flag.enabled else f"off: everybody gets {flag.off}"
    yield Stop("switch", on, not flag.enabled)
    for required in flag.requires:
        got = flags.evaluate(required.flag, unit, attributes).variant
        met = got in required.variants
        wanted = " or ".join(required.variants)
        yield Stop(
            f"requires {required.flag}: {wanted}",
            f"it gives {got}" + ("" if met else f": everybody without it gets {flag.off}"),
            not met,
        )
    for forced in flag.forced:
        if forced.unit == cut(unit):
            yield Stop("forced units", f"{unit} is one of them and gets {forced.variant}", True)
    for position, rule in enumerate(flag.rules):
        yield _at_rule(flags, flag, rule, position, unit, attributes)
    nothing = "no rule applied" if flag.rules else "there are no rules"
    for held in flag.held:
        if unit and drawn(held.draw)(unit):
            yield Stop(held.draw.salt, f"{unit} is held out of rollouts and keeps {held.variant}", True)
    if flag.move is not None:
        yield _at_move(flags, flag.default, flag.move, unit, attributes)
    if flag.split and unit:
        yield _at_split(flag, unit)
    yield Stop("default", f"{nothing}: {flag.default}", True)


def _at_move(flags: Flags, baseline: str, move: Move, unit: str, attributes: Attributes) -> Stop:
    what = f"rollout {move.rollout}: {percent(move.interval.width)} get {move.candidate}"
    if not unit:
        return Stop(what, f"without a unit nobody is in it: {baseline}")
    if move.audience and not compile_condition(parse(move.audience), flags.segments)(attributes, unit):
        return Stop(what, f"it is for those with {move.audience} alone")
    if not reached(move.layer, move.holdouts)(unit):
        return Stop(what, f"it does not reach {unit}, by a holdout or for another rollout of the layer")
    place = bucket(unit, move.salt)
    got = next((variant for variant, interval in move.arms if place in interval), baseline)
    held = next((interval for variant, interval in move.arms if variant == got), None)
    where = "not among them" if held is None else f"one of the {held.width:,} from {held.start:,} on"
    return Stop(what, f"bucket {place:,} is {where}: {got}", True)


def _at_split(flag: Flag, unit: str) -> Stop:
    shares = ", ".join(f"{variant} {percent(width)}" for variant, width in weights(flag.split).items())
    place = bucket(unit, flag.split_salt)
    got = next(piece.variant for piece in flag.split if place in piece.interval)
    return Stop(f"weights: {shares}", f"bucket {place:,}: {got}", True)


def _at_rule(flags: Flags, flag: Flag, rule: Rule, position: int, unit: str, attributes: Attributes) -> Stop:
    what = rule_name(flag, position) + f": {rule.condition or 'everybody'}"
    if not compiled(rule, flags.segments)(attributes, unit):
        return Stop(what, "does not hold")
    if rule.share == WHOLE:
        return Stop(what, f"holds: {rule.variant}", True)
    share = f"{percent(rule.share)} of them"
    if not unit:
        return Stop(what, f"holds, and {share} get {rule.variant}; without a unit nobody is drawn")
    place = bucket(unit, flag.salt(rule))
    inside = place < rule.share
    drawn = f"holds, and {share} get {rule.variant}: bucket {place:,} is " + ("below" if inside else "not below")
    return Stop(what, f"{drawn} {rule.share:,}", inside)
