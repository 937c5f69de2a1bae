"""The same flags as entries of the W3C baggage: `baggage: fader-flag.checkout=on,fader-flag.banner=green`."""

from __future__ import annotations

import re
from urllib.parse import quote

from fader.gateway.flag_header import decided
from fader.gateway.matchers import Json, typed
from fader.model.service import Service

#: What the keys of flags begin with. No service has such a key: those begin with `fader.`.
BAGGAGE_KEY = "fader-flag."
#: Namespace of metadata: the baggage that came in.
_CAME = "fader.came"


def baggage(service: Service, assignment: str) -> list[tuple[str, bool]]:
    """Values of the header, and whether each is added to what is there. `assignment`: the entry of the service's
    version, as Envoy's format."""
    names = service.flags if service.flags_as != "header" else ()
    own = ",".join([assignment, *(f"{BAGGAGE_KEY}{name}={decided(name)}" for name in names)])
    came = [(f"%DYNAMIC_METADATA({_CAME}:baggage)%", True)] if _is_kept(service) else []
    return [*came, (own, service.trust_baggage)]


def baggage_filters(service: Service) -> list[Json]:
    """Takes the header of a trusted caller into metadata, without what only this gateway may say."""
    if not _is_kept(service):
        return []
    version = re.escape(f"fader.{quote(service.name, safe='')}")
    own = rf"[ \t]*(?:{re.escape(BAGGAGE_KEY)}[^,]*|{version}[ \t]*=[^,]*)"
    found: Json = {
        "name": "fader.baggage",
        "typed_config": typed(
            "envoy.extensions.filters.http.header_to_metadata.v3.Config",
            request_rules=[
                {
                    "header": "baggage",
                    "on_header_present": {
                        "metadata_namespace": _CAME,
                        "key": "baggage",
                        "type": "STRING",
                        "regex_value_rewrite": {
                            "pattern": {"regex": rf"^(?:{own}(?:,[ \t]*|$))+|,{own}"},
                            "substitution": "",
                        },
                    },
                    "remove": True,
                }
            ],
        ),
    }
    return [found]


def _is_kept(service: Service) -> bool:
    """Whether baggage that comes in goes on to the app, beside flags of ours."""
    return bool(service.trust_baggage and service.flags and service.flags_as != "header")
