"""fader as a provider of OpenFeature, for apps that ask for flags through its SDK (the extra `openfeature`)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from openfeature.evaluation_context import EvaluationContext
from openfeature.event import ProviderEventDetails
from openfeature.exception import ErrorCode, ProviderFatalError, ProviderNotReadyError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from openfeature.track import TrackingEventDetails

from fader.model.evaluation import Evaluation
from fader.sdk.answers import Answers, log
from fader.sdk.asking import NOTHING, asked_by
from fader.sdk.listeners import News
from fader.sdk.tracker import Tracker

T = TypeVar("T")
Structure = Sequence[FlagValueType] | Mapping[str, FlagValueType]

#: Seconds that `shutdown` spends on events that wait.
LAST_FLUSH = 2.0

_REASONS = {reason.value: reason for reason in Reason}
#: What of a context conditions can read as it is.
_PLAIN = (str, bool, int, float, type(None))


class FaderProvider(AbstractProvider):
    """`api.set_provider(FaderProvider(Client("http://127.0.0.1:7070", key)))`.

    The targeting key is the unit; without one it is that of the request, else nobody. Evaluating never raises and waits
    for nothing. `tracker` takes what the app tracks; without it that is dropped. Whoever made client and tracker closes
    them.
    """

    def __init__(self, client: Answers, tracker: Tracker | None = None, *, timeout: float = 5.0) -> None:
        """`timeout`: seconds that `initialize` waits for the first ruleset."""
        super().__init__()
        self._client, self._tracker, self._timeout = client, tracker, timeout
        # Without a lock, which a fork could take along. At worst the app hears of one change twice.
        self._phase: Literal["starting", "failed", "ready"] = "starting"
        self._told_nobody = False

    def get_metadata(self) -> Metadata:
        return Metadata("fader")

    def initialize(self, evaluation_context: EvaluationContext) -> None:
        """Raises ProviderNotReadyError when no ruleset came in time: it is waited for still, and the provider becomes
        ready by itself. Raises ProviderFatalError when the server does not accept the key."""
        self._phase = "starting"
        self._client.listen(self._hear)
        if not self._client.ready(self._timeout):
            self._phase = "failed"
            # A ruleset may have come just now. Later ones find the phase, and say that the provider is ready.
            if not self._client.ready(0.0):
                if self._client.refused:
                    raise ProviderFatalError("the server does not accept the key")
                raise ProviderNotReadyError(f"no ruleset has arrived within {self._timeout:g} s")
        self._phase = "ready"

    def shutdown(self) -> None:
        """Ends what `initialize` began, and sends the events that wait."""
        self._client.unlisten(self._hear)
        if self._tracker is not None:
            self._tracker.flush(LAST_FLUSH)

    def resolve_boolean_details(
        self, flag_key: str, default_value: bool, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[bool]:
        return self._resolve(flag_key, default_value, evaluation_context, _boolean)

    def resolve_string_details(
        self, flag_key: str, default_value: str, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[str]:
        return self._resolve(flag_key, default_value, evaluation_context, _string)

    def resolve_integer_details(
        self, flag_key: str, default_value: int, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[int]:
        return self._resolve(flag_key, default_value, evaluation_context, _integer)

    def resolve_float_details(
        self, flag_key: str, default_value: float, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[float]:
        return self._resolve(flag_key, default_value, evaluation_context, _float)

    def resolve_object_details(
        self, flag_key: str, default_value: Structure, evaluation_context: EvaluationContext | None = None
    ) -> FlagResolutionDetails[Structure]:
        return self._resolve(flag_key, default_value, evaluation_context, _object)

    def track(
        self,
        tracking_event_name: str,
        evaluation_context: EvaluationContext | None = None,
        tracking_event_details: TrackingEventDetails | None = None,
    ) -> None:
        """The details' value is the property `value`; of the attributes, texts, numbers and booleans are sent. What
        nobody did is not sent. Never raises."""
        if self._tracker is None:
            return
        try:
            unit = evaluation_context.targeting_key if evaluation_context else None
            if unit is None:
                unit, _ = asked_by()
            if not unit:
                self._nobody(tracking_event_name)
                return
            properties: dict[str, float | str | bool] = {}
            if tracking_event_details is not None:
                properties = {
                    k: v
                    for k, v in tracking_event_details.attributes.items()
                    if isinstance(v, str | bool | int | float)
                }
                if tracking_event_details.value is not None:
                    properties["value"] = tracking_event_details.value
            self._tracker.track(tracking_event_name, unit, properties)
        except Exception as error:  # what is no context, or no details: the app goes on
            log.warning("an event was not sent: %s: %s", type(error).__name__, error)

    def _resolve(
        self, flag: str, default: T, context: EvaluationContext | None, convert: Callable[[Any], T | None]
    ) -> FlagResolutionDetails[T]:
        """`convert` gives None for a value of another type."""
        try:
            unit, attributes = (None, NOTHING) if context is None else (context.targeting_key, _attributes(context))
            found = self._client.evaluate(flag, default, unit, attributes)
            if not found.error:
                value = convert(found.value)
                if value is not None:
                    return FlagResolutionDetails(
                        value,
                        reason=_REASONS[found.reason],
                        variant=found.variant or None,
                        flag_metadata=_metadata(found),
                    )
                why = "the flag is of another kind than it is asked for"
                found = self._client._failed(flag, default, "TYPE_MISMATCH", why)
        except Exception as error:
            found = self._client._failed(flag, default, "GENERAL", f"{type(error).__name__}: {error}")
        return FlagResolutionDetails(default, ErrorCode(found.error), found.message, Reason.ERROR)

    def _hear(self, news: News) -> None:
        first = self._phase == "failed" and news == "changed"
        if first:
            self._phase = "ready"
        elif self._phase != "ready":
            return
        details = ProviderEventDetails()
        if first or news == "back":
            self.emit_provider_ready(details)
        elif news == "silent":
            details.message = "the server is silent; the last ruleset goes on"
            self.emit_provider_stale(details)
        else:
            self.emit_provider_configuration_changed(details)

    def _nobody(self, event: str) -> None:
        if not self._told_nobody:
            self._told_nobody = True
            log.warning("%s was tracked without a targeting key, and is not sent", event)


def _attributes(context: EvaluationContext) -> Mapping[str, Any]:
    """As conditions read them: moments are RFC 3339 texts there."""
    attributes = context.attributes
    for value in attributes.values():
        if not isinstance(value, _PLAIN):
            return {name: _plain(value) for name, value in attributes.items()}
    return attributes


def _plain(value: Any) -> Any:
    """Moments without an offset are local time, as everywhere in Python."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, Mapping):
        return {name: _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value


def _metadata(found: Evaluation) -> Mapping[str, bool | int | float | str]:
    return MappingProxyType({"rule": found.rule, **found.metadata} if found.rule else found.metadata)


def _boolean(value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _integer(value: Any) -> int | None:
    """5.0 is one, since JSON does not tell it from 5; 0.5 is none, and is not cut."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _float(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _object(value: Any) -> Structure | None:
    """A copy of the caller's own."""
    return copy.deepcopy(value) if isinstance(value, dict | list) else None
