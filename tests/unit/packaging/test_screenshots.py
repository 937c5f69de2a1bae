"""Every page of the dashboard is shown in its docs, in pictures that are small."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]
IMAGES = ROOT / "docs" / "images" / "dashboard"
PAGE = (ROOT / "docs" / "reference" / "dashboard.md").read_text()
SCRIPT = (ROOT / "scripts" / "screenshots.py").read_text()


def test_every_page_that_is_photographed_is_shown_with_words() -> None:
    shown = [file for _, file in re.findall(r"!\[([^\]]{15,})\]\(\.\./images/dashboard/([\w.-]+)\)", PAGE)]
    names = re.findall(r'^    Page\("(\w+)"', SCRIPT, re.MULTILINE)
    assert len(names) > 10
    assert sorted(shown) == sorted(f"{name}-{how}.jpg" for name in names for how in ("1440-light", "390-dark"))
    assert sorted(shown) == sorted(path.name for path in IMAGES.iterdir())


def test_every_page_of_the_navigation_is_photographed() -> None:
    base = (ROOT / "src" / "fader" / "dashboard" / "templates" / "base.html").read_text()
    linked = re.findall(r'\("\w+", "(/[\w-]*)"\)', base)
    assert len(linked) == 8
    for address in linked:
        assert f'"{address}"' in SCRIPT


def test_pictures_are_small() -> None:
    for path in IMAGES.iterdir():
        assert path.read_bytes()[:3] == b"\xff\xd8\xff"
        assert path.stat().st_size <= 150_000, path.name
