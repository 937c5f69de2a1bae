"""Packages from npm for tests, each in its pinned version, in a folder of their own outside of the project."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def node_modules(*packages: str) -> Path:
    """The folder with the `packages` (name@version), which is kept for the next run. Skips the test where there is no
    Node, or no registry that has them."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node with npm here")
    digest = hashlib.sha256(" ".join(packages).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"fader-npm-{os.getuid()}-{digest}"
    if not folder.exists():
        made = Path(tempfile.mkdtemp(prefix="fader-npm-"))
        (made / "package.json").write_text('{"private": true}')
        command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=0", *packages]
        done = subprocess.run(command, cwd=made, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode:
            shutil.rmtree(made)
            pytest.skip(f"npm cannot install here: {done.stderr.strip().splitlines()[-1:]}")
        made.replace(folder)
    return folder / "node_modules"
