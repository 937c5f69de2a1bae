"""Two environments of one file side by side on a machine, each an installation of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from .up import Fader, fader_up, free_port

pytestmark = pytest.mark.slow

FILE = """\
environments: [production, staging]
flags:
  search: {rules: [{variant: on}]}
  banner:
    environments:
      staging: {default: "on"}
"""


def fader(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "fader.cli.entry", *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60, check=False)


def answer(of: Fader, flag: str) -> Any:
    return of.post(f"/ofrep/v1/evaluate/flags/{flag}", {"context": {"targetingKey": "ann"}}, "server-key")[1]["value"]


def status(of: Fader) -> Any:
    where = ("--server", of.url, "--data-dir", of.data.name)
    assert fader(of.folder, "status", *where).stdout.startswith(f"environment {of.environment}\n")
    return json.loads(fader(of.folder, "status", "--json", *where).stdout)["environment"]


def test_two_environments_of_one_file_share_no_state(tmp_path: Path) -> None:
    with fader_up(tmp_path, FILE, "production") as production, fader_up(tmp_path, FILE, "staging") as staging:
        assert [answer(of, "banner") for of in (production, staging)] == [False, True]
        assert [answer(of, "search") for of in (production, staging)] == [True, True]
        staging.switch("search", "off")
        assert [answer(of, "search") for of in (production, staging)] == [True, False]
        assert [status(of) for of in (production, staging)] == ["production", "staging"]
        assert all(f"environment {of.environment}; data in " in of.log() for of in (production, staging))
        staging.stop()
        staging.start()
        assert answer(staging, "search") is False, "a directory of its own environment is taken again"
        theirs = {"Authorization": f"Bearer {staging.key('token')}"}
        assert production.post("/v1/flags/search/off", {}, **theirs)[0] == 401
    for asked, kept in (("staging", "production"), ("", "staging")):
        named = ("--environment", asked) if asked else ()
        refused = fader(tmp_path, "up", *named, "--data-dir", kept, "--port", str(free_port()))
        assert refused.returncode == 2
        assert f"is of environment {kept}, and this fader is of {asked or 'none'}" in refused.stderr
