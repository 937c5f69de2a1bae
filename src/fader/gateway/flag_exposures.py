"""Who was given what by a rollout of a flag, for the line of the log: `new-form=on:denied,other=off:allowed`.

Only where the service lets the gateway tell: then whoever was handed a variant that a rollout gave was exposed to it.
The filters of the flags say both, and stand before; rollout and variants are of one set of routes, so no request is
told of a rollout that did not decide it. What is `allowed` was given by a rule or as the default, and exposes nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

from fader.gateway.flag_header import by_rollout, decided
from fader.gateway.matchers import Json, typed
from fader.gateway.names import GIVEN
from fader.model.flag import Flag
from fader.model.service import Service


def exposure_filters(service: Service, moved: Iterable[Flag]) -> list[Json]:
    """`moved`: the flags with a rollout that the service hands over. No name needs an escape: they are letters, digits,
    - and _."""
    told = [f"{flag.move.rollout}={decided(flag.name)}:{by_rollout(flag.name)}" for flag in moved if flag.move]
    if service.exposures != "gateway" or not told:
        return []
    found: Json = {
        "name": "fader.given",
        "typed_config": typed(
            "envoy.extensions.filters.http.set_filter_state.v3.Config",
            on_request_headers=[
                {
                    "object_key": GIVEN,
                    "factory_key": "envoy.string",
                    "format_string": {
                        "omit_empty_values": True,
                        "text_format_source": {"inline_string": ",".join(told)},
                    },
                }
            ],
        ),
    }
    return [found]
