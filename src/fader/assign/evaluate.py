"""Flags compiled to functions: unit and attributes in, the value with variant and reason out.

All answers that a flag can give are made when it is compiled, so that evaluating makes nothing new.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from xxhash import xxh64_intdigest

from fader.assign.bucket import SURELY_SHORT, UNIT_BYTES, cut, seed
from fader.assign.cel_parser import parse
from fader.assign.condition import (
    Attributes,
    Condition,
    Membership,
    Segments,
    always,
    compile_condition,
    compile_segment,
)
from fader.assign.reach import drawn, reached
from fader.model.evaluation import Evaluation, Reason
from fader.model.flag import Flag, Move, Rule
from fader.model.segment import Segment
from fader.model.share import WHOLE

#: The rollout that gave an answer, in the metadata: for those who get the answer by OpenFeature.
ROLLOUT = "fader.rollout"

Evaluator = Callable[[str, Attributes], Evaluation]


class Flags:
    """The flags of a ruleset, each compiled when it is first asked for. Safe for use from several threads.

    Evaluating costs the same however many flags and segments there are, and however long their lists.
    """

    def __init__(self, flags: Iterable[Flag], segments: Iterable[Segment] = ()) -> None:
        self.flags = {flag.name: flag for flag in flags}
        self.segments: dict[str, Membership] = {s.name: self._segment(s) for s in segments}
        #: For those who ask often: `evaluators[flag](unit, attributes)` is `evaluate` without a call between.
        self.evaluators: dict[str, Evaluator] = {name: self._flag(flag) for name, flag in self.flags.items()}

    def evaluate(self, flag: str, unit: str, attributes: Attributes) -> Evaluation:
        """`unit` "" is nobody: no share takes them.

        Raises KeyError for a flag or segment that does not exist, CelError for a condition that is not sound.
        """
        return self.evaluators[flag](unit, attributes)

    def _flag(self, flag: Flag) -> Evaluator:
        def first(unit: str, attributes: Attributes) -> Evaluation:
            evaluator = self.evaluators[flag.name] = compile_flag(flag, self.segments, self.evaluators)
            return evaluator(unit, attributes)

        return first

    def _segment(self, segment: Segment) -> Membership:
        def first(half: int) -> Condition:
            def known(attributes: Attributes, unit: str) -> bool:
                expression = parse(segment.condition) if segment.condition else None
                compiled = compile_segment(expression, frozenset(segment.units), self.segments)
                self.segments[segment.name] = compiled
                return compiled[half](attributes, unit)

            return known

        return first(0), first(1)


def compile_flag(flag: Flag, segments: Segments, others: Mapping[str, Evaluator]) -> Evaluator:
    """`others`: every flag that this one requires, by the time it is evaluated."""
    off = _answer(flag, flag.off, "DISABLED")
    if not flag.enabled:
        return lambda unit, attributes: off
    decide = _rules(flag, segments)
    if flag.forced:
        decide = _forced(flag, decide)
    return _required(flag, off, decide, others) if flag.requires else decide


def rule_name(flag: Flag, position: int) -> str:
    """How a rule is called in answers; `position` counts from 0."""
    return flag.rules[position].name or f"rule {position + 1}"


def compiled(rule: Rule, segments: Segments) -> Condition:
    """For whom the rule applies, before its share is drawn."""
    return compile_condition(parse(rule.condition), segments) if rule.condition else always


def _answer(flag: Flag, variant: str, reason: Reason, rule: str = "", rollout: str = "") -> Evaluation:
    value = next(v.value for v in flag.variants if v.name == variant)
    metadata = {**flag.metadata, ROLLOUT: rollout} if rollout else flag.metadata
    return Evaluation(flag.name, value, variant, reason, rule, metadata=metadata, rollout=rollout)


def _rules(flag: Flag, segments: Segments) -> Evaluator:
    if flag.held:
        return _held(
            flag, _rules(replace(flag, held=()), segments), _rules(replace(flag, held=(), move=None), segments)
        )
    if flag.move:
        return _moving(flag, flag.move, _rules(replace(flag, move=None), segments), segments)
    if flag.split:
        return _split(flag, _rules(replace(flag, split=()), segments))
    if not flag.rules:
        static = _answer(flag, flag.default, "STATIC")
        return lambda unit, attributes: static
    default, missed = _answer(flag, flag.default, "DEFAULT"), _answer(flag, flag.default, "SPLIT")
    rules = []
    for position, rule in enumerate(flag.rules):
        reason: Reason = "TARGETING_MATCH" if rule.share == WHOLE else "SPLIT"
        answer = _answer(flag, rule.variant, reason, rule_name(flag, position))
        rules.append((compiled(rule, segments), seed(flag.salt(rule)), rule.share, answer))
    if len(rules) == 1:
        return _one_rule(*rules[0], default, missed)

    def decide(unit: str, attributes: Attributes) -> Evaluation:
        otherwise = default
        for holds, salt, share, answer in rules:
            if holds(attributes, unit):
                if share == WHOLE:
                    return answer
                if unit:
                    if _bucket(unit, salt) < share:
                        return answer
                    otherwise = missed
        return otherwise

    return decide


def _moving(flag: Flag, move: Move, decide: Evaluator, segments: Segments) -> Evaluator:
    """Whom no rule settles and the audience holds is in the rollout: with the candidate, or with the baseline. Nobody
    is in none."""
    salt = seed(move.salt)
    (lo, hi), (lo2, hi2) = move.interval.pieces()
    candidate = _answer(flag, move.candidate, "SPLIT", rollout=move.rollout)
    baseline = _answer(flag, flag.default, "SPLIT", rollout=move.rollout)
    beside = [(interval, _answer(flag, arm, "SPLIT", rollout=move.rollout)) for arm, interval in move.arms[1:]]
    reaches = reached(move.layer, move.holdouts)
    meant = compile_condition(parse(move.audience), segments) if move.audience else always

    def moving(unit: str, attributes: Attributes) -> Evaluation:
        settled = decide(unit, attributes)
        if settled.rule or not unit or not meant(attributes, unit) or not reaches(unit):
            return settled
        bucket = _bucket(unit, salt)
        if lo <= bucket < hi or lo2 <= bucket < hi2:
            return candidate
        for interval, answer in beside:
            if bucket in interval:
                return answer
        return baseline

    return moving


def _held(flag: Flag, decide: Evaluator, settle: Evaluator) -> Evaluator:
    """Units of a holdout have what they had, unless a rule says otherwise. `settle` asks the rules alone."""
    held = [(drawn(h.draw), _answer(flag, h.variant, "SPLIT")) for h in flag.held]

    def holding(unit: str, attributes: Attributes) -> Evaluation:
        for keeps, answer in held if unit else ():
            if keeps(unit):
                settled = settle(unit, attributes)
                return settled if settled.rule else answer
        return decide(unit, attributes)

    return holding


def _split(flag: Flag, decide: Evaluator) -> Evaluator:
    """Whom no rule settles gets the variant that holds its bucket."""
    salt = seed(flag.split_salt)
    ends = [piece.interval.start + piece.interval.width for piece in flag.split]
    answers = [_answer(flag, piece.variant, "SPLIT") for piece in flag.split]

    def splitting(unit: str, attributes: Attributes) -> Evaluation:
        settled = decide(unit, attributes)
        if settled.rule or not unit:
            return settled
        return answers[bisect_right(ends, _bucket(unit, salt))]

    return splitting


def _one_rule(
    holds: Condition, salt: int, share: int, answer: Evaluation, default: Evaluation, missed: Evaluation
) -> Evaluator:
    """The most frequent kind of flag: without the loop, and with `_bucket` written out."""
    if share == WHOLE:
        return lambda unit, attributes: answer if holds(attributes, unit) else default

    def decide(unit: str, attributes: Attributes) -> Evaluation:
        if holds(attributes, unit) and unit:
            data = unit.encode() if len(unit) <= SURELY_SHORT else unit.encode()[:UNIT_BYTES]
            return answer if xxh64_intdigest(data, salt) % WHOLE < share else missed
        return default

    return decide


def _bucket(unit: str, salt: int) -> int:
    """`fader.assign.bucket.bucket`, with the seed of the salt made before."""
    return xxh64_intdigest(unit.encode()[:UNIT_BYTES], salt) % WHOLE


def _forced(flag: Flag, decide: Evaluator) -> Evaluator:
    forced = {f.unit: _answer(flag, f.variant, "TARGETING_MATCH") for f in flag.forced}
    return lambda unit, attributes: forced.get(cut(unit)) or decide(unit, attributes)


def _required(flag: Flag, off: Evaluation, decide: Evaluator, others: Mapping[str, Evaluator]) -> Evaluator:
    required = [(p.flag, frozenset(p.variants)) for p in flag.requires]

    def guarded(unit: str, attributes: Attributes) -> Evaluation:
        for name, variants in required:
            if others[name](unit, attributes).variant not in variants:
                return off
        return decide(unit, attributes)

    return guarded
