"""Middleware for Django, under WSGI and ASGI alike. Django itself is loaded when it makes the middleware."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fader.sdk.asking import Asker, asking_as
from fader.sdk.incoming import FAILURE, Incoming
from fader.sdk.wsgi import unit_of

#: The keys of the setting FADER.
OPTIONS = ("unit", "attributes", "cookie", "tracker")


class DjangoMiddleware:
    """`MIDDLEWARE = ["fader.sdk.DjangoMiddleware", ...]`, anywhere in the list.

    `FADER = {"cookie": ..., "unit": ..., "attributes": ..., "tracker": ...}`: what the other middlewares take as
    arguments, each itself or the path of where it can be imported; functions are given Django's request.
    """

    sync_capable = async_capable = True

    def __init__(self, get_response: Any) -> None:
        """Raises ImproperlyConfigured for an option that is none, ImportError for a path that leads nowhere."""
        from asgiref.sync import iscoroutinefunction, markcoroutinefunction
        from django.conf import settings

        options = _options(getattr(settings, "FADER", {}))
        cookie = options.get("cookie", "")
        unit = options.get("unit") or (lambda request: unit_of(request.META, cookie))
        self._incoming: Incoming[Any] = Incoming(unit, options.get("attributes"), options.get("tracker"))
        self._get_response = get_response
        self._waits = iscoroutinefunction(get_response)
        if self._waits:
            markcoroutinefunction(self)

    def __call__(self, request: Any) -> Any:
        asker = self._incoming.asker(request)
        if self._waits:
            return self._later(request, asker)
        with asking_as(asker):
            response = self._get_response(request)
            self._note(request, response, asker)
        return response

    def process_exception(self, request: Any, exception: Exception) -> None:
        """Of a view. Whether it was a failure, the answer that is made of it says."""
        request.fader_raised = exception

    async def _later(self, request: Any, asker: Asker) -> Any:
        with asking_as(asker):
            response = await self._get_response(request)
            self._note(request, response, asker)
        return response

    def _note(self, request: Any, response: Any, asker: Asker) -> None:
        status = response.status_code
        raised = getattr(request, "fader_raised", None) if status >= FAILURE else None
        self._incoming.failed(asker, f"{request.method} {request.path}", raised, status)


def _options(given: Mapping[str, Any]) -> dict[str, Any]:
    from django.core.exceptions import ImproperlyConfigured
    from django.utils.module_loading import import_string

    if unknown := sorted(set(given) - set(OPTIONS)):
        raise ImproperlyConfigured(f"FADER has no {', '.join(unknown)}; there are: {', '.join(OPTIONS)}")
    return {
        name: import_string(value) if name != "cookie" and isinstance(value, str) else value
        for name, value in given.items()
    }
