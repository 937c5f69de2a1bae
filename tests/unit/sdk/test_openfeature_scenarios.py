"""The scenarios of OpenFeature's specification, by its own Python SDK over fader's provider.

They stand beside the checkout, in shared/conformance/gherkin, and are skipped where they do not.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import msgspec
import pytest
from gherkin import Scenario, Step, scenarios
from memory_source import PATIENCE, MemorySource, until
from openfeature import api
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError
from openfeature.flag_evaluation import FlagEvaluationDetails, FlagEvaluationOptions, FlagResolutionDetails
from openfeature.hook import Hook
from openfeature.transaction_context import ContextVarsTransactionContextPropagator

from fader.errors import Unavailable
from fader.model.flag import Flag, FlagKind, Rule, Variant
from fader.model.ruleset import Ruleset
from fader.sdk import Client, FaderProvider
from fader.sdk.source import KeyRefused

FOLDER = next((p for a in Path(__file__).parents if (p := a / "shared/conformance/gherkin").is_dir()), None)
#: What cannot be asked of fader, and why.
NOT_OURS = {"@reason-codes-cached": "flags are evaluated in the process: no answer comes from a cache of answers"}
FEATURES = ("contextMerging", "evaluation_v2", "hooks", "metadata")
KINDS: dict[type, FlagKind] = {bool: "boolean", str: "string", int: "number", float: "number", dict: "json"}


def flags() -> Iterator[Flag]:
    """The flags of the specification in fader's nouns. Those without a default are none here.

    A flag of fader names the variant that it has while it is off; of the specification's, everybody has what is in
    the code then, so that this is made the variant.
    """
    assert FOLDER is not None
    for name, flag in json.loads((FOLDER / "test-flags.json").read_text()).items():
        if flag.get("defaultVariant") is None:
            continue
        default, values = flag["defaultVariant"], dict(flag["variants"])
        others = [v for v in values if v != default]
        if flag.get("disabled") and isinstance(values[default], dict):
            values["in-the-code"] = {"a": 1}
            others = ["in-the-code"]
        rules = ()
        if evaluator := flag.get("contextEvaluator"):
            found = re.fullmatch(r"(.*) \? '([\w-]+)' : ''", evaluator)
            assert found, evaluator
            rules = (Rule(found[2], found[1]),)
        yield Flag(
            name,
            KINDS[type(values[default])],
            tuple(Variant(v, value) for v, value in values.items()),
            default,
            off=others[0],
            enabled=not flag.get("disabled"),
            rules=rules,
            metadata=flag.get("flagMetadata") or {},
        )


class Recorder(Hook):
    """Writes down at which stages it was run, with what came of the evaluation."""

    def __init__(self, name: str = "", diary: list[str] | None = None, adds: dict[str, str] | None = None) -> None:
        self.stages: dict[str, Any] = {}
        self._name, self._diary, self._adds = name, diary if diary is not None else [], adds

    def before(self, hook_context: Any, hints: Any) -> EvaluationContext | None:
        self._note("before", None)
        return EvaluationContext(attributes=self._adds) if self._adds else None

    def after(self, hook_context: Any, details: Any, hints: Any) -> None:
        self._note("after", details)

    def error(self, hook_context: Any, exception: Exception, hints: Any) -> None:
        self._note("error", exception)

    def finally_after(self, hook_context: Any, details: Any, hints: Any) -> None:
        self._note("finally", details)

    def _note(self, stage: str, what: Any) -> None:
        self.stages[stage] = what
        self._diary.append(f"{stage} {self._name}")


class Watched(FaderProvider):
    """Remembers the context that arrived."""

    context: EvaluationContext | None = None

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        self.context = evaluation_context
        return super().resolve_boolean_details(flag_key, default_value, evaluation_context)


class World:
    """One scenario: an app with OpenFeature's SDK."""

    def __init__(self) -> None:
        self.body = msgspec.json.encode(Ruleset(1, (), tuple(flags()), ()))
        self.clients: list[tuple[Client, MemorySource]] = []
        self.hook = Recorder()
        self.diary: list[str] = []
        self.attributes: dict[str, Any] = {}
        self.added: dict[str, dict[str, str]] = {}
        self.options: FlagEvaluationOptions | None = None

    def close(self) -> None:
        for client, source in self.clients:
            source.put(self.body)  # for who still waits
            client.close()
        api.shutdown()

    def fader(self, *answers: bytes | Exception | None, timeout: float = PATIENCE, silence: float = PATIENCE) -> Client:
        source = MemorySource(*answers)
        client = Client("http://127.0.0.1:1", "key", source=source, silence=silence)
        self.clients.append((client, source))
        self.provider = Watched(client, timeout=timeout)
        self.app = api.get_client()
        return client

    def provide(self, status: str) -> None:
        if status == "stable":
            self.fader(self.body)
            api.set_provider_and_wait(self.provider)
        elif status == "not ready":
            self.fader()
            api.set_provider(self.provider)
        elif status == "stale":
            self.fader(self.body, silence=0.0)
            api.set_provider_and_wait(self.provider)
            self.clients[-1][1].put(Unavailable("gone"))
            until(lambda: self.app.get_provider_status().value == "STALE")
        else:
            fatal = status == "fatal"
            client = self.fader(KeyRefused("no") if fatal else Unavailable("gone"), timeout=0.01)
            until(lambda: client.refused is fatal)
            with pytest.raises(OpenFeatureError):
                api.set_provider_and_wait(self.provider)

    def flag(self, kind: str, key: str, default: str) -> None:
        self.kind, self.key, self.default = kind.lower(), key, typed(kind, default)

    def evaluate(self) -> None:
        ask = getattr(self.app, f"get_{self.kind}_details")
        self.details: FlagEvaluationDetails[Any] = ask(
            self.key, self.default, EvaluationContext(attributes=self.attributes), self.options
        )

    def evaluate_in_a_loop(self) -> None:
        async def ask() -> None:
            answer = getattr(self.app, f"get_{self.kind}_details_async")(self.key, self.default)
            try:
                answer.send(None)
                self.waited = True
                answer.close()
            except StopIteration as end:
                self.waited, self.details = False, end.value

        asyncio.run(ask())

    def with_hooks(self) -> None:
        self.options = FlagEvaluationOptions([Recorder("a", self.diary), Recorder("b", self.diary)])

    def context_entry(self, key: str, value: str, level: str) -> None:
        self.added.setdefault(level, {})[key] = value

    def precedence(self, step: Step) -> None:
        self.levels = [row[0] for row in step.table]

    def context_entries(self, last: str, key: str) -> None:
        for level in self.levels[: self.levels.index(last) + 1]:
            self.context_entry(key, level, level)

    def evaluate_some(self) -> None:
        at = {level: EvaluationContext(attributes=entries) for level, entries in self.added.items()}
        nothing = EvaluationContext()
        api.set_evaluation_context(at.get("API", nothing))
        api.set_transaction_context_propagator(ContextVarsTransactionContextPropagator())
        api.set_transaction_context(at.get("Transaction", nothing))
        self.app.context = at.get("Client", nothing)
        self.app.add_hooks([Recorder(adds=self.added.get("Before Hooks"))])
        self.app.get_boolean_value("boolean-flag", False, at.get("Invocation"))

    def merged(self, key: str, value: str) -> None:
        assert self.provider.context is not None
        assert self.provider.context.attributes[key] == value

    def value_is(self, text: str) -> None:
        wanted = typed(self.kind, text)
        assert (type(self.details.value), self.details.value) == (type(wanted), wanted)

    def metadata_has(self, step: Step) -> None:
        _, *rows = step.table
        assert dict(self.details.flag_metadata) == {key: typed(kind, value) for key, kind, value in rows}

    def hooks_had(self, stages: str, step: Step) -> None:
        _, *rows = step.table
        for stage in stages.split(", "):
            details = self.hook.stages[stage]
            for kind, key, value in rows:
                assert getattr(details, key) == (None if value == "null" else typed(kind, value)), (stage, key)

    def in_order(self) -> None:
        assert self.diary == ["before a", "before b", "after b", "after a", "finally b", "finally a"]

    def modifiable(self) -> None:
        self.attributes = {"email": "ann@example.com", "tags": ["a", {"b": 1}]}
        self.original = deepcopy(self.attributes)

    def immutable(self) -> None:
        """OpenFeature's SDK hands out an object that may be changed; fader's own is not reached by it."""
        with pytest.raises(TypeError):
            self.details.flag_metadata["new"] = 1
        before = deepcopy(self.details.value)
        self.details.value, self.details.variant = "changed", "changed"
        self.evaluate()
        assert (self.details.value, self.details.variant) == (before, "on")


def typed(kind: str, text: str) -> Any:
    if kind.lower() == "string":
        return text
    value = json.loads(text)
    return float(value) if kind.lower() == "float" else value


def holds(condition: bool) -> None:
    assert condition


#: A text in quotes, with \" for a quote in it.
Q = r'"((?:[^"\\]|\\.)*)"'
#: Pattern of a step → what it does. The step itself comes first where a table belongs to it.
STEPS: dict[str, Callable[..., object]] = {
    r"an? (stable|not ready|error|fatal|stale) provider": lambda w, s, status: w.provide(status),
    "a stable provider with retrievable context is registered": lambda w, s: w.provide("stable"),
    rf"an? (\w+)-flag with key {Q} and a fallback value {Q}": lambda w, s, *flag: w.flag(*flag),
    rf"a context containing a key {Q}, with type {Q} and with value {Q}": lambda w, s, key, kind, value: (
        w.attributes.update({key: typed(kind, value)})
    ),
    rf"a context containing a key {Q} with null value": lambda w, s, key: w.attributes.update({key: None}),
    "a client with added hook": lambda w, s: w.app.add_hooks([w.hook]),
    "evaluation options containing specific hooks": lambda w, s: w.with_hooks(),
    "an evaluation context with modifiable data": lambda w, s: w.modifiable(),
    "the flag was evaluated with details": lambda w, s: w.evaluate(),
    "the flag was evaluated with details using the evaluation options": lambda w, s: w.evaluate(),
    "the flag was evaluated with details asynchronously": lambda w, s: w.evaluate_in_a_loop(),
    "the evaluation should complete without blocking": lambda w, s: holds(not w.waited),
    rf"the resolved details value should be {Q}": lambda w, s, text: w.value_is(text),
    rf"the reason should be {Q}": lambda w, s, reason: holds(w.details.reason == reason),
    rf"the error-code should be {Q}": lambda w, s, code: holds(w.details.error_code == code),
    rf"the flag key should be {Q}": lambda w, s, key: holds(w.details.flag_key == key),
    rf"the variant should be {Q}": lambda w, s, variant: holds(w.details.variant == variant),
    "the resolved metadata should contain": lambda w, s: w.metadata_has(s),
    "the resolved metadata is empty": lambda w, s: holds(not w.details.flag_metadata),
    rf"the provider status should be {Q}": lambda w, s, status: holds(w.app.get_provider_status().value == status),
    rf"the {Q} hook should have been executed": lambda w, s, stage: holds(stage in w.hook.stages),
    rf"the {Q} hooks should be called with evaluation details": lambda w, s, stages: w.hooks_had(stages, s),
    "the specified hooks should execute during evaluation": lambda w, s: holds(len(w.diary) == 6),
    "the hook order should be maintained": lambda w, s: w.in_order(),
    "the original evaluation context should remain unmodified": lambda w, s: holds(w.attributes == w.original),
    "the evaluation details should be immutable": lambda w, s: w.immutable(),
    rf"A context entry with key {Q} and value {Q} is added to the {Q} level": lambda w, s, *entry: w.context_entry(
        *entry
    ),
    "A table with levels of increasing precedence": lambda w, s: w.precedence(s),
    rf"Context entries for each level from API level down to the {Q} level, with key {Q} and value {Q}": (
        lambda w, s, last, key, _: w.context_entries(last, key)
    ),
    "Some flag was evaluated": lambda w, s: w.evaluate_some(),
    rf"The merged context contains an entry with key {Q} and value {Q}": lambda w, s, *entry: w.merged(*entry),
}


def do(world: World, step: Step) -> None:
    for pattern, action in STEPS.items():
        if found := re.fullmatch(pattern, step.text):
            action(world, step, *(text.replace('\\"', '"') for text in found.groups()))
            return
    raise LookupError(f"no such step: {step.text}")


CASES = [case for f in FEATURES for case in scenarios((FOLDER / f"{f}.feature").read_text())] if FOLDER else []


@pytest.fixture
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.mark.skipif(FOLDER is None, reason="the scenarios of the specification are not beside the checkout")
@pytest.mark.parametrize("scenario", CASES, ids=lambda scenario: scenario.name)
def test_scenario(scenario: Scenario, world: World) -> None:
    for tag, why in NOT_OURS.items():
        if tag in scenario.tags:
            pytest.skip(why)
    for step in scenario.steps:
        do(world, step)


@pytest.mark.skipif(FOLDER is None, reason="the scenarios of the specification are not beside the checkout")
def test_no_scenario_is_lost() -> None:
    """The parser finds as many as there are scenarios without examples, and rows of examples."""
    assert FOLDER is not None
    text = "\n".join((FOLDER / f"{feature}.feature").read_text() for feature in FEATURES)
    tables = re.findall(r"Examples:.*\n((?:\s*\|.*\n)+)", text + "\n")
    rows = sum(len(re.findall(r"^\s*\|", table, re.MULTILINE)) - 1 for table in tables)
    assert len(CASES) == len(re.findall(r"Scenario:", text)) + rows > 100
