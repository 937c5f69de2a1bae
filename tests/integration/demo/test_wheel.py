"""The wheel holds what an installation needs, the demo's shop too."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]

pytestmark = pytest.mark.slow


def test_what_is_in_the_wheel(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", tmp_path, ROOT],
        check=True,
    )
    (wheel,) = tmp_path.glob("fader-*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {"fader/py.typed", "fader/demo/run.py", "fader/demo/shop/app.py"} <= names
    sources = {p.relative_to(ROOT / "src").as_posix() for p in (ROOT / "src" / "fader").rglob("*") if p.is_file()}
    assert {s for s in sources if "__pycache__" not in s} <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
