"""OpenFeature's own Python SDK with its provider of the remote evaluation protocol, against `fader up`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from openfeature import api
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext

from .questions import QUESTIONS, TEXT, Question, drawn
from .up import Fader, fader_up

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def fader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fader]:
    with fader_up(tmp_path_factory.mktemp("up"), TEXT) as running:
        yield running


@pytest.fixture
def provided(fader: Fader) -> Iterator[Fader]:
    with provider(fader.url, fader.key("server-key")):
        yield fader


@contextmanager
def provider(url: str, key: str) -> Iterator[None]:
    made = OFREPProvider(url, headers_factory=lambda: {"Authorization": f"Bearer {key}"})
    with made.session:
        api.set_provider_and_wait(made)
        yield
        api.shutdown()


def check(question: Question) -> None:
    ask = getattr(api.get_client(), f"get_{question.kind.replace('number', 'float')}_details")
    found = ask(question.flag, question.default, EvaluationContext(question.unit, question.attributes))
    code = found.error_code.value if found.error_code else None
    assert (found.value, found.variant, found.reason, code) == (
        question.value,
        question.variant,
        question.reason,
        question.error,
    ), question


@pytest.mark.usefixtures("provided")
def test_kinds_reasons_codes_and_targeting() -> None:
    for question in (*QUESTIONS, *drawn()):
        check(question)
    found = api.get_client().get_boolean_details("plain", False, EvaluationContext("ann"))
    assert found.flag_metadata == {"team": "shop", "size": 3, "beta": True}


@pytest.mark.usefixtures("provided")
def test_without_a_unit_the_code_says_so() -> None:
    found = api.get_client().get_boolean_details("third", True, EvaluationContext(attributes={"country": "US"}))
    assert (found.value, found.error_code) == (True, "TARGETING_KEY_MISSING")


def test_a_switch(provided: Fader) -> None:
    on = Question("boolean", "named", False, "ann", {}, True, "on", "TARGETING_MATCH")
    check(on)
    provided.switch("named", "off")
    check(on._replace(value=False, variant="off", reason="DISABLED"))
    provided.switch("named", "on")
    check(on)


def test_keys(fader: Fader) -> None:
    """A client key sees what is marked for clients; a wrong one sees nothing."""
    of_servers = Question("boolean", "of-servers", False, "ann", {}, True, "on", "TARGETING_MATCH")
    for key, question in (
        (fader.key("server-key"), of_servers),
        (
            fader.key("client-key"),
            of_servers._replace(value=False, variant=None, reason="ERROR", error="FLAG_NOT_FOUND"),
        ),
        ("wrong", of_servers._replace(value=False, variant=None, reason="ERROR", error="GENERAL")),
    ):
        with provider(fader.url, key):
            check(question)
