"""The reference describes every key, kind, field and operator, and its examples are sound."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import pytest

from fader.model.metric import REQUEST_FIELDS, Metric, Operator
from fader.schema import load_document
from fader.schema.channel import ChannelText
from fader.schema.document import FileText
from fader.schema.event import EventText
from fader.schema.flag import FlagText
from fader.schema.layer import HoldoutText, LayerText
from fader.schema.metric import BUILT_IN, MetricText
from fader.schema.noun import Noun
from fader.schema.provider import ProviderText
from fader.schema.rollout import RolloutText
from fader.schema.segment import SegmentText
from fader.schema.service import ServiceText
from fader.schema.tracing import TracingText

REFERENCE = Path(__file__).parents[3] / "docs" / "reference"
CONFIGURATION = (REFERENCE / "configuration.md").read_text()
METRICS = (REFERENCE / "metrics.md").read_text()
SECTIONS = {
    "The file": FileText,
    "Services": ServiceText,
    "Metrics": MetricText,
    "Events": EventText,
    "Rollouts": RolloutText,
    "Flags": FlagText,
    "Segments": SegmentText,
    "Layers": LayerText,
    "Holdouts": HoldoutText,
    "Providers": ProviderText,
    "Notifications": ChannelText,
    "Tracing": TracingText,
}


def keys(noun: type[Noun], above: str = "") -> Iterator[str]:
    for name, field in noun.written().items():
        yield above + name
        if noun is not FileText:
            yield from below(field.annotation, above + name)


def below(kind: Any, path: str) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, Noun):
        yield from keys(kind, path + ".")
    elif get_origin(kind) is list:
        yield from below(get_args(kind)[0], path + "[]")
    elif get_origin(kind) is dict:
        yield from below(get_args(kind)[1], path + ".*")
    else:
        for option in get_args(kind):
            yield from below(option, path)


def section(text: str, title: str) -> str:
    return re.split(r"^## ", text.split(f"\n## {title}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


@pytest.mark.parametrize("title", SECTIONS)
def test_every_key_is_documented_and_no_other(title: str) -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", section(CONFIGURATION, title), flags=re.MULTILINE)
    assert rows == list(keys(SECTIONS[title]))


def test_the_walk_sees_nested_keys() -> None:
    assert {"tls.cert", "unit[].jwt.jwks", "versions.*.health.path"} <= set(keys(ServiceText))


def test_the_examples_of_the_configuration_are_sound() -> None:
    examples = re.findall(r"```yaml\n(.*?)```", CONFIGURATION, flags=re.DOTALL)
    assert len(examples) == 4
    for example in examples:
        document = load_document(example, "fader.yaml")
        assert document.services or document.flags


def test_the_examples_of_layers_and_holdouts_are_sound() -> None:
    page = (REFERENCE.parent / "howto" / "layers-and-holdouts.md").read_text()
    both, weights = (load_document(text, "f") for text in re.findall(r"```yaml\n(.*?)```", page, flags=re.DOTALL))
    assert [(r.layer.salt, r.layer.interval.width) for r in both.rollouts if r.layer] == [
        ("layer/checkout", 500_000)
    ] * 2
    assert [d.interval.width for r in both.rollouts for d in r.holdouts] == [50_000] * 2
    assert [p.interval.width for p in weights.flags[0].split] == [500_000, 300_000, 200_000]


def test_every_kind_and_field_and_operator_of_metrics_is_documented() -> None:
    kinds = get_args(Metric.__annotations__["kind"]) or get_args(MetricText.model_fields["kind"].annotation)
    assert kinds
    assert re.findall(r"^### `(\w+)`$", METRICS, flags=re.MULTILINE) == list(kinds)
    assert re.findall(r"^\| `(\w+)` \| (\w+) \|", METRICS, flags=re.MULTILINE) == list(REQUEST_FIELDS.items())
    assert all(f"`{operator}`" in METRICS for operator in get_args(Operator))


def test_the_documented_default_metrics_are_the_built_in_ones() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", METRICS, flags=re.DOTALL)
    services = "services: {s: {listen: 127.0.0.1:1, versions: {v: http://127.0.0.1:2}, baseline: v}}\n"
    assert load_document(services + example, "fader.yaml").metrics == BUILT_IN
