"""Envoy takes every configuration of the golden files."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from fader.gateway.resources import render

from .envoy import validate

pytestmark = pytest.mark.slow


def golden() -> ModuleType:
    path = Path(__file__).parents[2] / "unit" / "gateway" / "test_golden.py"
    spec = importlib.util.spec_from_file_location("golden_rulesets", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GOLDEN = golden()


@pytest.fixture(scope="module")
def etc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What stands under /etc/fader in the golden files."""
    directory = tmp_path_factory.mktemp("etc")
    for name in ("web", "docs", "ca"):
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
        files = ["-keyout", directory / f"{name}.key", "-out", directory / f"{name}.pem"]
        subprocess.run([*command, *files], check=True, capture_output=True)
    key = {"kty": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0MTIzNDU2Nzg", "alg": "HS256", "kid": "k"}
    (directory / "jwks.json").write_text(json.dumps({"keys": [key]}))
    return directory


@pytest.mark.parametrize("name", GOLDEN.RULESETS)
def test_envoy_takes_it(name: str, etc: Path, tmp_path: Path) -> None:
    text = json.dumps(render(GOLDEN.RULESETS[name], GOLDEN.LAYOUT).check)
    text = text.replace("/etc/fader/", f"{etc}/").replace("/var/lib/fader/gateway/", f"{tmp_path}/")
    assert validate(json.loads(text), tmp_path) == ""


def test_envoy_refuses_what_is_wrong(tmp_path: Path) -> None:
    document = render(GOLDEN.RULESETS["no-rollout"], GOLDEN.LAYOUT).check
    document["static_resources"]["clusters"][0]["connect_timeout"] = "-1s"
    assert "Expected positive duration" in validate(document, tmp_path)
