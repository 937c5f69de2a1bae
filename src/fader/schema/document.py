"""`fader.yaml` as a whole: text in, nouns of the model out, or every problem at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from pydantic import Field, ValidationError
from pydantic_core import PydanticCustomError

from fader.errors import BadInput, Problem
from fader.model.external import Provider
from fader.model.flag import Flag
from fader.model.metric import Direction, Metric
from fader.model.rollout import RolloutSpec
from fader.model.segment import Segment
from fader.model.service import Service
from fader.model.settings import Settings
from fader.model.share import Draw
from fader.schema import crosscheck
from fader.schema.channel import ChannelText
from fader.schema.environment import environment_problems, environments, there
from fader.schema.event import OWN, EventText, parse_event
from fader.schema.external import external_of, external_problems
from fader.schema.flag import FlagText
from fader.schema.flagcheck import flag_problems
from fader.schema.flagrollout import flag_rollout_problems
from fader.schema.layer import HoldoutText, LayerText, holdouts_of, layer_of, reach_problems
from fader.schema.metric import BUILT_IN, MetricText
from fader.schema.name import bad_name
from fader.schema.noun import Noun
from fader.schema.problems import problems
from fader.schema.provider import ProviderText
from fader.schema.rollout import RolloutText
from fader.schema.segment import SegmentText
from fader.schema.sentcheck import audience_problems, sent_problems, unknown_audience_problems, unknown_flag_problems
from fader.schema.service import ServiceText
from fader.schema.source import Location, Source, nearest, read
from fader.schema.suggest import did_you_mean
from fader.schema.tracing import TracingText

N = TypeVar("N", bound=Noun)
_START = (
    "begin with services:, e.g. services: {shop: {listen: 127.0.0.1:8080, versions: {v1: http://...}, baseline: v1}}"
)


class FileText(Noun):
    """The sections of the file."""

    environments: list[str] = Field(default=[], examples=["[staging, production]"])
    services: dict[str, ServiceText] = Field(default={})
    metrics: dict[str, MetricText] = Field(default={})
    events: dict[str, EventText] = Field(default={})
    rollouts: dict[str, RolloutText] = Field(default={})
    flags: dict[str, FlagText] = Field(default={})
    segments: dict[str, SegmentText] = Field(default={})
    providers: dict[str, ProviderText] = Field(default={})
    layers: dict[str, LayerText] = Field(default={})
    holdouts: dict[str, HoldoutText] = Field(default={})
    notifications: dict[str, ChannelText] = Field(default={})
    tracing: TracingText | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """`metrics` holds the built-in ones too. `lines`: (`services`, `shop`, `versions`, `v2`) → its line in `path`.

    `directions`: those of the named events. `environment`: the one of the file's that it is read for, "" for none.
    `warnings` are no errors: they are shown by `plan` and `apply`.
    """

    path: str
    services: tuple[Service, ...]
    metrics: tuple[Metric, ...]
    rollouts: tuple[RolloutSpec, ...]
    lines: Mapping[Location, int]
    warnings: tuple[Problem, ...] = ()
    directions: tuple[tuple[str, Direction], ...] = ()
    flags: tuple[Flag, ...] = ()
    segments: tuple[Segment, ...] = ()
    providers: tuple[Provider, ...] = ()
    holdouts: tuple[Draw, ...] = ()
    settings: Settings = Settings()
    environment: str = ""

    def problem(self, where: Location, message: str, fix: str) -> Problem:
        """For what comes to light later, such as a version that does not answer: a problem at its line."""
        return Problem(message, fix, self.path, nearest(self.lines, where)[1])


def load_document(text: str, path: str, environment: str | None = None) -> Document:
    """The document as it is in an environment, "" for none; None: as in the only one that it names. It must be sound
    in all of them.

    Raises BadInput with all problems. Files that it names are looked up beside `path`; versions are not called.
    """
    source = read(text, path)
    found = list(environment_problems(source, environment))
    documents: dict[str, Document] = {}
    names = environments(source) or ("",)
    for name in names:
        try:
            documents[name] = replace(_document(there(source, name)), environment=name)
        except BadInput as bad:
            found += bad.problems
    if found:
        raise BadInput(*sorted(dict.fromkeys(found), key=lambda p: p.line))
    if environment is None and len(names) > 1:
        message = f"the file is for {', '.join(names)}, and none of them is asked for"
        raise BadInput(source.problem(("environments",), message, f"say which, e.g. --environment {names[0]}"))
    return documents[environment if environment in documents else names[0]]


def _document(source: Source) -> Document:
    """Raises BadInput with all problems."""
    path = source.path
    found = list(source.problems)
    found += _top(source)
    directory = Path(path).absolute().parent
    service_texts = _section("services", ServiceText, source, directory, found)
    metric_texts = _section("metrics", MetricText, source, directory, found)
    directions = {n: e.better for n, e in _section("events", EventText, source, directory, found).items()}
    rollout_texts = _section("rollouts", RolloutText, source, directory, found)
    services = {n: s.to_model(n) for n, s in service_texts.items()}
    provider_texts = _section("providers", ProviderText, source, directory, found)
    providers = {n: p.to_model(n) for n, p in provider_texts.items()}
    externals = {n: external_of(m, providers) for n, m in metric_texts.items()}
    written = {n: m.to_model(n, directions, externals[n]) for n, m in metric_texts.items()}
    metrics = {m.name: m for m in BUILT_IN} | written
    channel_texts = _section("notifications", ChannelText, source, directory, found)
    tracing = _tracing(source, found)
    flag_texts = _section("flags", FlagText, source, directory, found)
    segment_texts = _section("segments", SegmentText, source, directory, found)
    layer_texts = _section("layers", LayerText, source, directory, found)
    holdout_texts = _section("holdouts", HoldoutText, source, directory, found)
    found += reach_problems(layer_texts, holdout_texts, metrics, source)
    found += crosscheck.port_problems(services.values(), source)
    found += crosscheck.name_problems(metrics, source)
    found += crosscheck.direction_problems(metric_texts, directions, source)
    found += crosscheck.margin_problems(rollout_texts, metrics, source)
    found += crosscheck.primary_problems(rollout_texts, metrics, source)
    found += external_problems(metric_texts, providers, crosscheck.written_names(source.data, "providers"), source)
    found += crosscheck.outcome_problems(rollout_texts, metrics, source)
    found += flag_problems(flag_texts, segment_texts, source)
    found += flag_rollout_problems(rollout_texts, flag_texts, metrics, source)
    found += unknown_flag_problems(services.values(), source)
    found += unknown_audience_problems(rollout_texts, source)
    flags = tuple(f.to_model(n) for n, f in flag_texts.items())
    segments = tuple(s.to_model(n) for n, s in segment_texts.items())
    if not found:
        found += sent_problems(services.values(), flags, segments, source)
        found += audience_problems(rollout_texts, services, flags, segments, source)
    if found:
        raise BadInput(*sorted(dict.fromkeys(found), key=lambda p: p.line))
    rollouts = tuple(
        replace(
            r.to_model(n, flag_texts[r.flag].at_first if r.flag else services[r.service].baseline, metrics, directions),
            layer=layer_of(n, layer_texts),
            holdouts=holdouts_of(n, holdout_texts),
        )
        for n, r in rollout_texts.items()
    )
    return Document(
        path=path,
        services=tuple(services.values()),
        metrics=tuple(metrics.values()),
        rollouts=rollouts,
        lines=source.lines,
        warnings=tuple(crosscheck.warnings(services.values(), source)),
        directions=tuple(sorted(directions.items())),
        flags=flags,
        segments=segments,
        providers=tuple(providers.values()),
        holdouts=tuple(h.draw(n) for n, h in holdout_texts.items()),
        settings=Settings(
            tuple(c.to_model(n) for n, c in channel_texts.items()),
            tracing.url if tracing else "",
            tuple(h.to_model(n, rollouts, metrics) for n, h in holdout_texts.items()),
        ),
    )


def _top(source: Source) -> list[Problem]:
    data = source.data
    if data is None or data == {}:
        return [] if source.problems else [Problem("the file is empty", _START, source.path)]
    if not isinstance(data, dict):
        return [source.problem((), "the file is no mapping", _START)]
    found = [
        source.problem((key,), "unknown key", did_you_mean(key, FileText.model_fields))
        for key in data
        if key not in FileText.model_fields
    ]
    for key in FileText.model_fields.keys() - {"environments", "tracing"}:
        if data.get(key) is not None and not isinstance(data[key], dict):
            fix = "write names with a mapping each, e.g. " + ("shop: {...}" if key == "services" else "NAME: {...}")
            found.append(source.problem((key,), "expected a mapping of names", fix))
    if not data.get("services") and not data.get("flags"):
        found.append(source.problem(("services",), "there is no service", _START))
    return found


def _tracing(source: Source, found: list[Problem]) -> TracingText | None:
    data = source.data.get("tracing") if isinstance(source.data, dict) else None
    if data is None:
        return None
    try:
        return TracingText.model_validate(data)
    except ValidationError as error:
        found += problems(error, TracingText, ("tracing",), source)
        return None


def _section(section: str, noun: type[N], source: Source, directory: Path, found: list[Problem]) -> dict[str, N]:
    """The sound entries of a section; what is wrong with the others goes to `found`."""
    sound: dict[str, N] = {}
    for name, data in crosscheck.written_names(source.data, section).items():
        at: Location = (section, name)
        if bad := _bad_event(name) if section == "events" else bad_name(name):
            found.append(source.problem(at, *bad))
        try:
            sound[name] = noun.model_validate(data, context={"directory": directory})
        except ValidationError as error:
            found += problems(error, noun, at, source)
    return sound


def _bad_event(name: str) -> tuple[str, str] | None:
    """What is wrong with the name of an event whose direction is declared, and the fix, or None."""
    if name in OWN:
        return f"{name} is {OWN[name]} and has no direction", "name an event that your app tracks"
    try:
        parse_event(name)
    except PydanticCustomError as error:
        context = error.context or {}
        return context["message"], context["fix"]
    return None
