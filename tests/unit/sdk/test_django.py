"""The middleware for Django, in a Django of its own: sync and async views, under WSGI and ASGI."""

from __future__ import annotations

import asyncio
import sys
from types import ModuleType
from typing import Any

import django
import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import Http404, HttpRequest, HttpResponse
from django.test import override_settings
from django.urls import path
from tests.unit.sdk.test_middleware import UNITS, Ledger, ask, reported, who, wsgi
from tests.unit.sdk.test_tracker import serving, tracker

from fader.sdk.asking import asked_by

MIDDLEWARE = "fader.sdk.DjangoMiddleware"


def plain(request: HttpRequest) -> HttpResponse:
    return HttpResponse(who(), content_type="text/plain")


async def later(request: HttpRequest) -> HttpResponse:
    return HttpResponse(who(), content_type="text/plain")


def fails(request: HttpRequest) -> HttpResponse:
    raise KeyError("item 7")


async def fails_later(request: HttpRequest) -> HttpResponse:
    raise KeyError("item 7")


def gone(request: HttpRequest) -> HttpResponse:
    raise Http404


def unavailable(request: HttpRequest) -> HttpResponse:
    return HttpResponse("", status=503)


def length_of_the_route(request: HttpRequest) -> int:
    return len(request.resolver_match.route)


def attributes(request: HttpRequest) -> dict[str, Any]:
    return {"path": request.path}


@pytest.fixture(autouse=True, scope="module")
def project() -> None:
    site = ModuleType("site_of_the_test")
    site.urlpatterns = [path(v.__name__, v) for v in (plain, later, fails, fails_later, gone, unavailable)]
    site.length_of_the_route = length_of_the_route
    sys.modules[site.__name__] = site
    settings.configure(ALLOWED_HOSTS=["*"], ROOT_URLCONF=site.__name__, MIDDLEWARE=[MIDDLEWARE], LOGGING_CONFIG=None)
    django.setup()


@pytest.mark.parametrize(("headers", "unit"), UNITS)
async def test_django_knows_the_unit(headers: dict[str, str | bytes], unit: str) -> None:
    with override_settings(FADER={"cookie": "visitor"}):
        for view in ("plain", "later"):
            assert (await ask(ASGIHandler(), f"/{view}", **headers)).text == f"{unit} {{}}"
            answer = await asyncio.to_thread(wsgi, WSGIHandler(), f"/{view}", **headers)
            assert answer == ("200 OK", f"{unit} {{}}")
    assert asked_by()[0] == ""


def test_functions_themselves_and_by_the_path_of_their_import() -> None:
    with override_settings(FADER={"unit": "site_of_the_test.length_of_the_route", "attributes": attributes}):
        assert wsgi(WSGIHandler(), "/plain") == ("200 OK", "5 {'path': '/plain'}")


def test_what_is_no_option_is_said_at_the_start() -> None:
    with (
        override_settings(FADER={"units": "a.b"}),
        pytest.raises(ImproperlyConfigured, match="FADER has no units; there are: unit, attributes, cookie, tracker"),
    ):
        WSGIHandler()
    with override_settings(FADER={"unit": "site_of_the_test.nothing"}), pytest.raises(ImportError, match="nothing"):
        WSGIHandler()


async def test_django_reports_errors_of_somebody_when_it_is_asked_to() -> None:
    store = Ledger()
    with serving(store) as url, tracker(url) as tracking:
        for options in ({"tracker": tracking}, {}):
            with override_settings(FADER=options):
                for headers in ({"x_fader_unit": "ann"}, {}):
                    for view, status in (("plain", 200), ("gone", 404), ("unavailable", 503), ("fails", 500)):
                        answer = await asyncio.to_thread(wsgi, WSGIHandler(), f"/{view}", **headers)
                        assert answer[0].startswith(str(status))
                    assert (await ask(ASGIHandler(), "/fails_later", **headers)).status_code == 500
        assert await asyncio.to_thread(tracking.flush)
        assert tracking.dropped == 0
    error = {"type": "KeyError", "message": "'item 7'", "route": "GET /fails", "function": "fails"}
    assert [reported(event) for event in store.taken] == [
        ("error", "ann", {"status": 503.0, "route": "GET /unavailable"}),
        ("error", "ann", error),
        ("error", "ann", error | {"route": "GET /fails_later", "function": "fails_later"}),
    ]
