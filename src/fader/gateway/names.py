"""How things are called inside Envoy. Every name is injective: odd service names cannot collide or break a key."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

from fader.model.arm import Arm
from fader.model.ruleset import Split
from fader.model.service import Address, Service

#: Namespace of route and endpoint metadata, and prefix of filter state objects and statistics.
NAMESPACE = "fader"
#: Filter state: the id found, and the id used (the same, or a new anonymous one).
KNOWN, UNIT = "fader.known", "fader.unit"
#: Filter state: what rollouts of flags have given, see `flag_exposures`.
GIVEN = "fader.given"
#: Copy of the header that asks for a preview, outside `x-fader*`, which is stripped from every request before it is
#: routed.
COPIED = "fader-preview"
#: What the runtime keys of flags begin with; those of services begin with `fader.`.
FLAG_KEYS = "fader/flag."


def token(name: str) -> str:
    """Letters, digits, `-`, `_`, `~` as they are, all else percent-encoded: also the dot, which separates keys."""
    return quote(name, safe="").replace(".", "%2E")


def bind(address: Address) -> str:
    """The IP address to bind: Envoy takes no names."""
    return "127.0.0.1" if address.host == "localhost" else address.host


def listener(address: Address) -> str:
    """`127.0.0.1:8080` is `127_0_0_1_8080`: file name and statistics prefix."""
    host = "".join(c if c.isalnum() else "_" for c in bind(address))
    return f"{host}_{address.port}"


def version_cluster(service: str, version: str) -> str:
    """The endpoints of one version."""
    return f"version/{token(service)}/{token(version)}"


def assigned_cluster(service: str, version: str) -> str:
    """The candidate first, then the live baseline: the shield."""
    return f"assigned/{token(service)}/{token(version)}"


def stream_cluster(service: str, version: str) -> str:
    """The same endpoints through an inner listener that can be drained (long-lived streams)."""
    return f"stream/{token(service)}/{token(version)}"


def shielded_stream_cluster(service: str, version: str) -> str:
    return f"assigned-stream/{token(service)}/{token(version)}"


def digest(*parts: str) -> str:
    """12 hex digits: short enough for the path of a Unix socket."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def provider(issuer: str, jwks: str) -> str:
    """Of verified tokens."""
    return "jwt-" + digest(issuer, jwks)


def share_key(service: Service, split: Split) -> str:
    """Prefix of the four runtime keys of a split. The candidate is in it: the same rollout name with another
    candidate never inherits a share."""
    return f"fader.{token(service.name)}.{token(split.rollout)}.{token(split.candidate)}"


def arm_key(service: Service, split: Split, arm: Arm) -> str:
    """The same of an arm beside the candidate. One that was withdrawn has another: its units leave the version with
    the runtime, before the routes know of it."""
    place = "out" if arm.withdrawn else "beside"
    return f"{share_key(service, split)}.{place}.{token(arm.version)}"


def flag_key(flag: str) -> str:
    """Runtime key that is the whole while the flag is on."""
    return f"{FLAG_KEYS}{token(flag)}.on"


def flag_rule_key(flag: str, rule: str) -> str:
    """Runtime key of the share of a rule."""
    return f"{FLAG_KEYS}{token(flag)}.rule.{token(rule)}"


def flag_move_key(flag: str, rollout: str, variant: str) -> str:
    """Prefix of the four runtime keys of what a rollout gives the variant to."""
    return f"{FLAG_KEYS}{token(flag)}.move.{token(rollout)}.{token(variant)}"


def whole_log_key(listener_name: str) -> str:
    """Runtime key that is on while every unit of every service on the listener is logged."""
    return f"fader.log.{listener_name}.all"
