"""OFREP's own OpenAPI document, driven by schemathesis against `fader up`: requests that it allows, and others.

The document stands beside the checkout, in shared/conformance, and the test is skipped where it does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
import yaml
from hypothesis import HealthCheck, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import ignored_auth
from schemathesis.schemas import APIOperation

from .questions import TEXT
from .up import Fader, fader_up

pytestmark = pytest.mark.slow

FOLDER = next((p for a in Path(__file__).parents if (p := a / "shared/conformance").is_dir()), None)
SINGLE, BULK = "/ofrep/v1/evaluate/flags/{key}", "/ofrep/v1/evaluate/flags"
EXAMPLES = 150


@pytest.fixture(scope="module")
def fader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fader]:
    if FOLDER is None:
        pytest.skip("shared/conformance is not beside the checkout")
    with fader_up(tmp_path_factory.mktemp("up"), TEXT) as running:
        yield running


def document() -> dict[str, Any]:
    """As it stands, but for two things. An evaluation must meet exactly one of the schemas of values, and the last of
    them, which has no conditions, is met by every one, so that nothing at all would be valid. And what a stream of
    events said of a change is a hint that may be passed over, so that a malformed one is passed over too."""
    assert FOLDER is not None
    found: dict[str, Any] = yaml.safe_load((FOLDER / "ofrep-openapi.yaml").read_text())
    values = found["components"]["schemas"]["evaluationSuccess"]["allOf"][1]
    values["anyOf"] = values.pop("oneOf")
    found["components"]["parameters"]["flagConfigLastModified"]["schema"] = {"type": "string"}
    return found


def operation(path: str) -> APIOperation[Any, Any, Any, Any, Any]:
    return schemathesis.openapi.from_dict(document())[path]["POST"]


@pytest.mark.parametrize("path", [SINGLE, BULK])
@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize("key", ["server-key", "client-key"])
def test_every_answer_is_one_of_the_document(fader: Fader, path: str, mode: GenerationMode, key: str) -> None:
    seen: set[int] = set()

    # That a foreign key opens nothing is asked below: here one key that is right goes before those that are made up.
    @settings(max_examples=EXAMPLES, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation(path).as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        headers = {"Authorization": f"Bearer {fader.key(key)}"}
        seen.add(case.call_and_validate(fader.url, session, headers, excluded_checks=[ignored_auth]).status_code)

    with requests.Session() as session:
        ask()
    wanted = {GenerationMode.POSITIVE: {404} if path == SINGLE else {200}, GenerationMode.NEGATIVE: {400}}
    assert wanted[mode] <= seen


@pytest.mark.parametrize("flag", ["plain", "killed", "country", "third", "named", "needs", "limit", "theme"])
def test_each_kind_of_answer_is_one_of_the_document(fader: Fader, flag: str) -> None:
    with requests.Session() as session:
        for context in ({}, {"country": "US", "age": 20, "pro": True, "groups": ["night"]}):
            case = operation(SINGLE).Case(
                path_parameters={"key": flag}, body={"context": {"targetingKey": "ann", **context}}
            )
            headers = {"X-API-Key": fader.key("client-key")}
            assert (
                case.call_and_validate(fader.url, session, headers, excluded_checks=[ignored_auth]).status_code == 200
            )


@pytest.mark.parametrize("path", [SINGLE, BULK])
@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "wrong"}, {"Authorization": "Bearer wrong"}])
def test_without_a_key_there_is_no_entry(fader: Fader, path: str, headers: dict[str, str]) -> None:
    case = operation(path).Case(path_parameters={"key": "plain"}, body={"context": {"targetingKey": "ann"}})
    with requests.Session() as session:
        assert case.call_and_validate(fader.url, session, headers).status_code == 401
