"""flagd's JSON to `flags:` and `segments:` of fader.yaml: its targeting, JsonLogic, becomes rules and conditions.

What means something else here is carried over by a condition that means the same: a missing attribute never matches
here, and is null there, so that a negation holds for it. What cannot be carried over is listed, never dropped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fader.assign.cel import ROOT, UNIT, Attribute, CelError
from fader.assign.cel_parser import parse
from fader.assign.jsonlogic import number_guards
from fader.schema.flag import metadatum
from fader.schema.name import bad_name
from fader.schema.suggest import quoted

#: flagd's words for what a rule may answer: the flag's default.
DEFAULT = None
_COMPARED = {"==": "==", "===": "==", "!=": "!=", "!==": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_VERSIONS = {"=": "==", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_WORD = re.compile("[A-Za-z_][A-Za-z0-9_]*")
_ENDS = {"starts_with": "startsWith", "ends_with": "endsWith"}


class NotCarried(ValueError):
    """A part of the targeting has no counterpart here."""


@dataclass
class Imported:
    """`document` is what fader.yaml holds; `left`: what was not carried over, or means less, one sentence each."""

    document: dict[str, Any] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Branch:
    """For whom all of the conditions hold gets a variant (None: the default), or one by weights."""

    conditions: tuple[str, ...]
    variant: str | None = DEFAULT
    weights: tuple[tuple[str, float], ...] = ()


def import_flagd(data: Any) -> Imported:
    """`data`: the decoded JSON. Raises ValueError where it is no document of flagd."""
    flags = data.get("flags") if isinstance(data, dict) else None
    if not isinstance(flags, dict):
        raise ValueError('has no flags: flagd\'s documents begin with {"flags": {...}}')
    found = Imported()
    evaluators = data.get("$evaluators") or {}
    segments = {}
    for name, logic in evaluators.items():
        try:
            if bad := bad_name(name):
                raise NotCarried(bad[0])
            segments[name] = {"when": _Logic(evaluators).holds(logic)}
        except NotCarried as error:
            found.left.append(f"evaluator {name}: {error}; it is written out where it is used")
    taken = {}
    for name, flag in flags.items():
        try:
            taken[name] = _flag(name, flag, _Logic(evaluators, frozenset(segments)), found.left)
        except NotCarried as error:
            found.left.append(f"flag {name} is left out: {error}")
    found.document = {"flags": taken} | ({"segments": segments} if segments else {})
    return found


def _flag(name: str, flag: Any, logic: _Logic, left: list[str]) -> dict[str, Any]:
    if bad := bad_name(name):
        raise NotCarried(bad[0])
    variants = flag.get("variants")
    if not isinstance(variants, dict) or not variants:
        raise NotCarried("it has no variants")
    default = flag.get("defaultVariant")
    if default not in variants:
        raise NotCarried("it has no default variant, and here a flag always answers")
    if wrong := next((v for v in variants if bad_name(v, version=True)), ""):
        raise NotCarried(f"variant {quoted(wrong)} cannot be a name")
    kind = _kind(variants.values())
    made: dict[str, Any] = {"kind": kind, "variants": {n: _text(kind, v) for n, v in variants.items()}}
    made["default"] = default
    if flag.get("state") == "DISABLED":
        made |= {"enabled": False, "off": default}
        left.append(f"flag {name} is off: flagd lets the app use its own default then, here it gets {default}")
    metadata = flag.get("metadata") or {}
    own = {key: metadata[key] for key in ("owner", "description") if isinstance(metadata.get(key), str)}
    others = {key: value for key, value in metadata.items() if key not in own}
    made |= own
    texts = {key: value if isinstance(value, str) else json.dumps(value) for key, value in others.items()}
    made["metadata"] = {key: text for key, text in texts.items() if _same(metadatum(text), others[key])}
    if lost := sorted(set(others) - set(made["metadata"])):
        left.append(f"flag {name}: its metadata ({', '.join(lost)}) would be read as another kind here")
    if targeting := flag.get("targeting"):
        made["rules"] = list(_rules(name, logic.branches(targeting), variants, default, left))
        left += [f"flag {name}: {note}" for note in dict.fromkeys(logic.notes)]
    return {k: v for k, v in made.items() if v not in ([], {})}


def _rules(
    name: str, branches: Iterator[Branch], variants: Mapping[str, Any], default: str, left: list[str]
) -> Iterator[dict[str, Any]]:
    part = 0
    for branch in branches:
        condition = {"when": _all(branch.conditions)} if branch.conditions else {}
        if unknown := next((v for v in (branch.variant, *dict(branch.weights)) if v and v not in variants), ""):
            raise NotCarried(f"its targeting names the variant {quoted(unknown)}, which it has not")
        if not branch.weights:
            if branch.conditions or branch.variant not in (DEFAULT, default):
                yield {"variant": branch.variant or default, **condition}
            continue
        rest = sum(weight for _, weight in branch.weights)
        if not rest:
            raise NotCarried("its fractional has no weight above 0")
        for variant, weight in branch.weights:
            part += 1
            share = f"{100 * weight / rest:.4f}".rstrip("0").rstrip(".")
            rest -= weight
            if share == "0":
                continue
            yield {"variant": variant, **condition, **({"share": f"{share}%", "name": f"part-{part}"} if rest else {})}
        left.append(f"flag {name}: its shares stay, but by another hash, so that other users get each variant")


def _same(one: Any, other: Any) -> bool:
    return type(one) is type(other) and one == other


def _kind(values: Any) -> str:
    kinds = {
        "boolean" if isinstance(v, bool) else
        "number" if isinstance(v, int | float) else
        "string" if isinstance(v, str) else
        "json" if isinstance(v, dict) else "other"
        for v in values
    }  # fmt: skip
    if len(kinds) > 1 or "other" in kinds:
        raise NotCarried("its variants are not all booleans, texts, numbers or objects")
    return kinds.pop()


def _text(kind: str, value: Any) -> str:
    return str(value) if kind == "string" else json.dumps(value)


class _Logic:
    """JsonLogic as conditions. `notes`: what means less."""

    def __init__(self, evaluators: Mapping[str, Any], segments: frozenset[str] = frozenset()) -> None:
        self._evaluators, self._segments = evaluators, segments
        self.notes: list[str] = []

    def branches(self, node: Any, given: tuple[str, ...] = ()) -> Iterator[Branch]:
        """What a targeting answers, in order; the first whose conditions hold wins. Raises NotCarried."""
        match _operation(node):
            case "if", [*steps]:
                while len(steps) > 1:
                    condition, then, *steps = steps
                    yield from self.branches(then, (*given, self.holds(condition)))
                yield from self.branches(steps[0] if steps else None, given)
            case "fractional", parts:
                yield Branch(given, weights=tuple(self._weights(parts)))
            case "", value if value is None or isinstance(value, str | bool):
                yield Branch(given, str(value).lower() if isinstance(value, bool) else value)
            case _:
                raise NotCarried(f"its targeting does not answer with a variant: {_short(node)}")

    def _weights(self, parts: list[Any]) -> Iterator[tuple[str, float]]:
        if parts and not isinstance(parts[0], list):
            raise NotCarried("its fractional draws by something else than the unit")
        for part in parts:
            if not part or not isinstance(part[0], str):
                raise NotCarried(f"a part of its fractional names no variant: {_short(part)}")
            weight = part[1] if len(part) > 1 else 1
            if isinstance(weight, bool) or not isinstance(weight, int | float) or weight < 0:
                raise NotCarried(f"a weight of its fractional is no number: {_short(part)}")
            yield part[0], weight

    def holds(self, node: Any, positive: bool = True) -> str:
        """The condition. Under a negation (not `positive`) it must also say no for what is missing."""
        match _operation(node):
            case ("and" | "or") as word, [*parts] if parts:
                kept = parts if word == "or" or not positive else _without_guards(parts)
                held = [self.holds(part, positive) for part in kept]
                return _all(held) if word == "and" else " || ".join(held)
            case "!", [inner]:
                return f"!({self.holds(inner, not positive)})"
            case "!!", [inner]:
                return self.holds(inner, positive)
            case "var", _:
                self.notes.append("an attribute alone holds here only when it is true")
                return self._guarded(node, f"{self._path(node)} == true", positive)
            case "$ref", [str(name)]:
                return self._named(name, positive)
            case "in", [needle, [*values]]:
                listed = ", ".join(_constant(v) for v in values)
                return self._guarded(needle, f"{self._path(needle)} in [{listed}]", positive)
            case "in", [str(needle), there]:
                self.notes.append(f"{self._path(there)} is taken for a text where it is asked for a part")
                return self._guarded(there, f"{self._path(there)}.contains({_constant(needle)})", positive)
            case ("starts_with" | "ends_with") as word, [there, str(text)]:
                return self._guarded(there, f"{self._path(there)}.{_ENDS[word]}({_constant(text)})", positive)
            case "sem_ver", [there, str(sign), str(version)] if sign in _VERSIONS:
                written = f"semver({self._path(there)}) {_VERSIONS[sign]} semver({_constant(version)})"
                return self._guarded(there, written, positive)
            case word, [a, b] if word in _COMPARED:
                return self._compared(_COMPARED[word], a, b, positive)
            case "", bool(value):
                return "true" if value else "false"
        raise NotCarried(f"there is no counterpart of {_short(node)}")

    def _compared(self, sign: str, a: Any, b: Any, positive: bool) -> str:
        if sign in ("==", "!=") and (a is None or b is None):
            there = self._there(b if a is None else a)
            return there if sign == "!=" else f"!({there})"
        left, right = ((self._path(x) if _operation(x)[0] == "var" else _constant(x)) for x in (a, b))
        attributes = [x for x in (a, b) if _operation(x)[0] == "var"]
        if not attributes:
            raise NotCarried(f"{_short(a)} {sign} {_short(b)} asks for no attribute")
        if sign == "!=":  # null is not the constant either
            return " || ".join((*(f"!({self._there(x)})" for x in attributes), f"{left} != {right}"))
        return self._guarded(attributes[0], f"{left} {sign} {right}", positive)

    def _named(self, name: str, positive: bool) -> str:
        if name not in self._evaluators:
            raise NotCarried(f"there is no evaluator {quoted(name)}")
        if positive and name in self._segments:
            return f"segment({_constant(name)})"
        return self.holds(self._evaluators[name], positive)

    def _guarded(self, attribute: Any, condition: str, positive: bool) -> str:
        return condition if positive else f"{self._there(attribute)} && {condition}"

    def _there(self, attribute: Any) -> str:
        steps = self._steps(attribute)
        if not steps:
            return f'{UNIT} != ""'
        return " && ".join(f"has({_written(steps[: i + 1])})" for i in range(len(steps)))

    def _path(self, node: Any) -> str:
        return _written(self._steps(node)) or UNIT

    def _steps(self, node: Any) -> list[str]:
        """The names of an attribute and its parts; none is the unit."""
        match _operation(node):
            case "var", [str(path)] if path and not path.startswith("$") and all(path.split(".")):
                return [] if path == "targetingKey" else path.split(".")
        raise NotCarried(f"there is no counterpart of {_short(node)} as an attribute")


def _written(steps: Sequence[str]) -> str:
    """As a condition names it, in quotes what is no word of it."""
    if not steps:
        return ""
    first, *others = steps
    written = first if _is_name(first) else f"{ROOT}[{_constant(first)}]"
    return written + "".join(f".{step}" if _WORD.fullmatch(step) else f"[{_constant(step)}]" for step in others)


def _is_name(word: str) -> bool:
    try:
        return parse(word) == Attribute((word,))
    except CelError:
        return False


def _without_guards(parts: list[Any]) -> list[Any]:
    """An order of numbers asks first, in JsonLogic, whether it is asked of a number: a condition need not."""
    kept = list(parts)
    for i in range(len(parts) - 2):
        match _operation(parts[i + 2]):
            case (("<" | "<=" | ">" | ">="), [{"var": _} as var, _]) if parts[i : i + 2] == number_guards(var):
                kept = [part for part in kept if part not in parts[i : i + 2]]
    return kept


def _operation(node: Any) -> tuple[str, Any]:
    """Operator and its arguments as a list; "" and the node itself, where it is a constant."""
    if isinstance(node, dict) and len(node) == 1:
        ((word, arguments),) = node.items()
        return word, arguments if isinstance(arguments, list) else [arguments]
    return "", node


def _all(conditions: Sequence[str]) -> str:
    """`&&` binds closer than `||`."""
    if len(conditions) == 1:
        return conditions[0]
    return " && ".join(f"({c})" if " || " in c or " ? " in c else c for c in conditions)


def _constant(value: Any) -> str:
    if isinstance(value, bool | int | float | str):
        return json.dumps(value, ensure_ascii=False)
    raise NotCarried(f"{_short(value)} is no constant")


def _short(node: Any) -> str:
    text = json.dumps(node, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
