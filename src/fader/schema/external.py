"""What a metric of kind `external` asks its provider for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from fader.errors import Problem
from fader.model.external import PLACEHOLDERS, External, Provider
from fader.schema.duration import format_duration
from fader.schema.metric import MetricText
from fader.schema.source import Data, Source
from fader.schema.suggest import did_you_mean, quoted

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}")
#: One member or position after the other; nothing that selects several.
_JSON_PATH = re.compile(r"\$((\.[A-Za-z_][A-Za-z0-9_-]*)|(\[[0-9]{1,6}\]))+")
_QUERIES = ("events", "total", "series")
_SHORTEST, _LONGEST = 1.0, 3600.0


def external_of(metric: MetricText, providers: Mapping[str, Provider]) -> External | None:
    """None for other kinds, and where the provider is not sound."""
    provider = providers.get(metric.provider)
    if metric.kind != "external" or provider is None:
        return None
    return External(provider, metric.events, metric.total, metric.series, metric.path, metric.every)


def external_problems(
    metrics: Mapping[str, MetricText], providers: Mapping[str, Provider], written: Mapping[str, Data], source: Source
) -> Iterator[Problem]:
    """`written`: the providers as they stand in the file, sound or not."""
    for name, metric in metrics.items():
        if metric.kind != "external":
            continue
        at = ("metrics", name)
        if metric.provider not in written:
            message = f"there is no provider {quoted(metric.provider)}"
            fix = "add e.g. providers: {prom: {kind: prometheus, url: http://127.0.0.1:9090}}"
            yield source.problem((*at, "provider"), message, did_you_mean(metric.provider, written) if written else fix)
        yield from (source.problem((*at, key), *bad) for key, bad in _bad(metric, providers.get(metric.provider)))
        if not _SHORTEST <= metric.every <= _LONGEST:
            message = f"every {format_duration(metric.every)} is outside 1s to 1h"
            yield source.problem((*at, "every"), message, "write e.g. every: 15s")


def _bad(metric: MetricText, provider: Provider | None) -> Iterator[tuple[str, tuple[str, str]]]:
    texts = {key: getattr(metric, key) for key in (*_QUERIES, "path") if getattr(metric, key)}
    for key, text in texts.items():
        for word in _PLACEHOLDER.findall(text):
            if word not in PLACEHOLDERS:
                named = did_you_mean(word.strip(), PLACEHOLDERS)
                yield key, (f"there is no placeholder {quoted('{{' + word + '}}')}", named)
    if provider is None:
        return
    if provider.kind == "prometheus":
        if metric.path:
            yield "path", ("a query of Prometheus has no path", "remove path")
        for key in _QUERIES:
            if key in texts and "{{version}}" not in texts[key]:
                yield key, ("the query is the same for both versions", 'select one, e.g. {version="{{version}}"}')
        return
    if not metric.path.startswith("/"):
        fix = 'add e.g. path: "/stats?version={{version}}"'
        yield "path", ("a metric of a web provider needs a path" if not metric.path else "begins without /", fix)
    elif not any("{{version}}" in text for text in texts.values()):
        yield "path", ("what is asked is the same for both versions", 'add e.g. "?version={{version}}"')
    for key in _QUERIES:
        if key in texts and not _JSON_PATH.fullmatch(_PLACEHOLDER.sub("x", texts[key])):
            yield key, (f"{quoted(texts[key])} is not a JSON path", "write e.g. $.errors or $.rows[0].value")
