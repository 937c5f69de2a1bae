"""What a unit gets of a flag, and why: in OpenFeature's words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from fader.model.flag import FlagMetadata, Value

#: OpenFeature's resolution reasons, as far as fader gives them.
Reason = Literal["STATIC", "TARGETING_MATCH", "SPLIT", "DEFAULT", "DISABLED", "ERROR"]
#: OpenFeature's error codes, as far as fader gives them.
ErrorCode = Literal["", "PROVIDER_NOT_READY", "FLAG_NOT_FOUND", "TYPE_MISMATCH", "GENERAL"]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """STATIC: the flag has no rules. TARGETING_MATCH: forced, or a rule applied. SPLIT: drawn by a share, into it or
    not. DEFAULT: no rule applied. DISABLED: the flag is off, or what it requires is not met. ERROR: `value` is the
    caller's default.

    `rule` is the one that applied: its name or, without one, `rule 2`; "" when none did. `rollout`: the one that
    assigned `variant`, be it the candidate or the baseline: whoever uses the value is exposed to it. `metadata` is the
    flag's; it is shared and must not be changed.
    """

    flag: str
    value: Value
    variant: str = ""
    reason: Reason = "ERROR"
    rule: str = ""
    error: ErrorCode = ""
    message: str = ""
    metadata: FlagMetadata = field(default_factory=dict)
    rollout: str = ""
