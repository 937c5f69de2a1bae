"""`flags:` of fader.yaml."""

from __future__ import annotations

import json
import math
from datetime import date
from typing import Annotated, Any

import jsonschema_rs
from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator

from fader.assign.pieces import reweighted
from fader.model.flag import Flag, FlagKind, Prerequisite, Rule, Value, Variant
from fader.model.share import WHOLE, percent
from fader.schema.condition import Condition
from fader.schema.environment import FlagThere
from fader.schema.forced import Names, forced_by
from fader.schema.name import bad_name
from fader.schema.noun import Noun
from fader.schema.share import Share, Weight
from fader.schema.suggest import did_you_mean, quoted, wrong

_VARIANTS = {"string": "{blue: '#00f', red: '#f00'}", "number": "{few: 5, many: 50}", "json": "{a: '{\"max\": 5}'}"}

#: Numbers beyond are no numbers in every language.
_HUGE = 2**63


class RuleText(Noun):
    """For whom `when` holds, or everybody; with a `share`, that part of them."""

    variant: str = Field(examples=["on"])
    when: Condition = ""
    share: Share = WHOLE
    name: str = ""

    @model_validator(mode="after")
    def _named(self) -> RuleText:
        if self.share != WHOLE and not self.name:
            raise wrong("has a share and no name, by which its units are drawn", "add e.g. name: first-users")
        if self.name and (bad := bad_name(self.name)):
            raise wrong(*bad, ("name",))
        return self


#: Read as the text that was written; editors see booleans and numbers as such.
Scalar = Annotated[str, BeforeValidator(lambda value: value, json_schema_input_type=str | bool | float)]


class FlagText(Noun):
    model_config = ConfigDict(extra="forbid", frozen=True, validate_by_alias=True)

    kind: FlagKind = "boolean"
    variants: dict[str, Scalar] = Field(default={})
    default: str | dict[str, Weight] = ""
    off: str = ""
    enabled: bool = True
    rules: list[RuleText] = Field(default=[])
    units: dict[str, Names] = Field(default={})
    requires: dict[str, Names] = Field(default={})
    client: bool = False
    schema_: str = Field(default="", alias="schema")
    description: str = ""
    owner: str = ""
    expires: str = ""
    metadata: dict[str, Scalar] = Field(default={})
    environments: dict[str, FlagThere] = Field(default={})

    @field_validator("expires")
    @classmethod
    def _day(cls, text: str) -> str:
        try:
            return text and date.fromisoformat(text).isoformat()
        except ValueError:
            raise wrong(f"{quoted(text)} is no day", "write year, month and day, e.g. expires: 2027-06-30") from None

    @field_validator("rules")
    @classmethod
    def _rules(cls, rules: list[RuleText]) -> list[RuleText]:
        names = [r.name for r in rules]
        for i, name in enumerate(names):
            if name and name in names[:i]:
                raise wrong(f"two rules are called {name}", "each draws its units by its own name", (i, "name"))
        return rules

    @model_validator(mode="before")
    @classmethod
    def _on_and_off(cls, data: Any) -> Any:
        """What a boolean flag need not say."""
        if not isinstance(data, dict) or data.get("kind") not in (None, "boolean"):
            return data
        usual = {} if data.get("variants") else {"variants": {"on": "true", "off": "false"}, "default": "off"}
        return {**usual, **{k: v for k, v in data.items() if v is not None}}

    @model_validator(mode="after")
    def _whole(self) -> FlagText:
        if not self.variants:
            raise wrong("has no variants", f"add e.g. variants: {_VARIANTS[self.kind]}")
        for name, text in self.variants.items():
            if bad := bad_name(name, version=True):
                raise wrong(*bad, ("variants", name))
            _value(self.kind, name, text)
        self._typed()
        if not self.default:
            raise wrong("says no default", f"add default: {next(iter(self.variants))}, for whom no rule applies to")
        if self.weights and sum(self.weights.values()) != WHOLE:
            made = percent(sum(self.weights.values()))
            raise wrong(f"its weights make {made}", "make them 100% together", ("default",))
        named: list[tuple[str, tuple[str | int, ...]]] = [(self.when_off, ("off",))]
        named += [(variant, ("default", variant)) for variant in self.weights] or [(self.at_first, ("default",))]
        named += [(rule.variant, ("rules", i, "variant")) for i, rule in enumerate(self.rules)]
        named += [(variant, ("units", variant)) for variant in self.units]
        for variant, at in named:
            if variant not in self.variants:
                raise wrong(f"there is no variant {quoted(variant)}", did_you_mean(variant, self.variants), at)
        forced_by(self.units)
        return self

    def _typed(self) -> None:
        """Every variant is what the schema says. Raises PydanticCustomError."""
        if not self.schema_:
            return
        if self.kind != "json":
            raise wrong(f"{self.kind} variants have no schema", "remove it, or write kind: json", ("schema",))
        try:
            schema = json.loads(self.schema_)
        except ValueError:
            fix = 'write JSON in single quotes, e.g. \'{"required": ["max"]}\''
            raise wrong("is no JSON", fix, ("schema",)) from None
        try:
            validator = jsonschema_rs.validator_for(schema, retriever=_elsewhere)
        except (ValueError, TypeError, jsonschema_rs.ValidationError) as error:
            why = _first_line(error)
            raise wrong(f"is no JSON Schema: {why}", "see json-schema.org, draft 2020-12", ("schema",)) from None
        for name, text in self.variants.items():
            for amiss in validator.iter_errors(_value(self.kind, name, text)):
                at = "".join(f".{step}" if isinstance(step, str) else f"[{step}]" for step in amiss.instance_path)
                message = f"is not what the schema says{at and f' at {at}'}: {_first_line(amiss)}"
                raise wrong(message, "correct the variant, or the schema", ("variants", name))

    @property
    def when_off(self) -> str:
        """Unless written: what is false, of a boolean flag; else the default."""
        false = [n for n, text in self.variants.items() if self.kind == "boolean" and text == "false"]
        return self.off or (false[0] if false else self.at_first)

    @property
    def weights(self) -> dict[str, int]:
        """Of the variants, in ppm; none where the default is one variant."""
        return self.default if isinstance(self.default, dict) else {}

    @property
    def at_first(self) -> str:
        """The default; of weights the first, for whoever is nobody."""
        return self.default if isinstance(self.default, str) else next(iter(self.default))

    def to_model(self, name: str) -> Flag:
        return Flag(
            name=name,
            kind=self.kind,
            variants=tuple(Variant(n, _value(self.kind, n, text)) for n, text in self.variants.items()),
            default=self.at_first,
            off=self.when_off,
            split=reweighted((), self.weights) if self.weights else (),
            enabled=self.enabled,
            rules=tuple(Rule(r.variant, r.when, r.share, r.name) for r in self.rules),
            forced=forced_by(self.units),
            requires=tuple(Prerequisite(flag, tuple(variants)) for flag, variants in self.requires.items()),
            client=self.client,
            description=self.description,
            owner=self.owner,
            expires=self.expires,
            schema=self.schema_,
            metadata={key: metadatum(text) for key, text in self.metadata.items()},
        )


def _value(kind: FlagKind, name: str, text: str) -> Value:
    """Raises PydanticCustomError."""
    at = ("variants", name)
    if kind == "string":
        return text
    if kind == "boolean":
        if text not in ("true", "false"):
            raise wrong(f"{quoted(text)} is neither true nor false", "write true or false, or kind: string", at)
        return text == "true"
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        fix = "write e.g. 5 or 0.5" if kind == "number" else "write JSON in single quotes, e.g. '{\"max\": 5}'"
        raise wrong(f"{quoted(text)} is no {'number' if kind == 'number' else 'JSON'}", fix, at) from None
    if kind == "number" and (isinstance(value, bool) or not isinstance(value, int | float) or math.isinf(value)):
        raise wrong(f"{quoted(text)} is no number", "write e.g. 5 or 0.5, or kind: json", at)
    if kind == "json" and not isinstance(value, dict):
        raise wrong(f"{quoted(text)} is no JSON object", "write {...}, or another kind", at)
    return value


def metadatum(text: str) -> bool | int | float | str:
    """A text, unless it is true, false or a number as JSON writes it."""
    try:
        value = json.loads(text, parse_constant=_refuse)
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) and abs(value) < _HUGE else text


def _elsewhere(address: str) -> Any:
    """A schema stands alone: a check of a file asks nobody."""
    raise LookupError(f"{address} is elsewhere; put it under $defs")


def _first_line(error: Exception) -> str:
    return (str(getattr(error, "message", "")) or str(error)).partition("\n")[0]


def _refuse(constant: str) -> None:
    raise ValueError(constant)
