"""Long lists of units: looked up in a table once a request, however many conditions ask and however long it is.

Envoy has tables only for whole decisions, so each list is a filter of its own with only a shadow matcher, as flags are.
What it finds is copied into filter state, the one thing besides headers that routes can be chosen by.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from fader.gateway.matchers import Json, action, by_table, typed
from fader.gateway.names import UNIT
from fader.gateway.texts import list_state
from fader.model.segment import Segment


def list_filters(names: Sequence[str], segments: Mapping[str, Segment], reroute: bool) -> list[Json]:
    """They stand behind the filter that finds the unit. `reroute`: the route is chosen again."""
    if not names:
        return []
    copied = [_copied(name) for name in names]
    kind = "envoy.extensions.filters.http.set_filter_state.v3.Config"
    again = {"clear_route_cache": True} if reroute else {}
    copy = {"name": "fader.lists", "typed_config": typed(kind, on_request_headers=copied, **again)}
    return [*(_table(segments[name]) for name in names), copy]


def _table(segment: Segment) -> Json:
    found = action(typed("envoy.config.rbac.v3.Action", name="listed", action="ALLOW"))
    return {
        "name": f"fader.list.{segment.name}",
        "typed_config": typed(
            "envoy.extensions.filters.http.rbac.v3.RBAC",
            shadow_rules_stat_prefix=_prefix(segment.name),
            shadow_matcher=by_table(UNIT, dict.fromkeys(segment.units, found)),
        ),
    }


def _copied(name: str) -> Json:
    found = f"%DYNAMIC_METADATA(envoy.filters.http.rbac:{_prefix(name)}shadow_effective_policy_id)%"
    return {
        "object_key": list_state(name),
        "factory_key": "envoy.string",
        "skip_if_empty": True,
        "format_string": {"omit_empty_values": True, "text_format_source": {"inline_string": found}},
    }


def _prefix(name: str) -> str:
    return f"list.{name}."
