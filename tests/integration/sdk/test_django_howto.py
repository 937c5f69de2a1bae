"""The how-to of Django, done as it is written: in a project as Django makes it, against a real server."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conftest import Server

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "django.md").read_text()
FILES = dict(re.findall(r"`(shop/\w+\.py)`[^\n]*:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
SETTINGS = re.findall(r"`settings\.py`:\n\n```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
FLAGS = """\
flags:
  new-checkout: {rules: [{variant: on, when: country == "US"}], units: {on: [ann]}}
  banner: {kind: string, variants: {a: spring, none: none}, default: none, rules: [{variant: a, when: page == "home"}]}
"""
URLS = """
from django.urls import path
from shop import views
urlpatterns = [path("checkout", views.checkout), path("banner", views.banner)]
"""
#: Who asks, where, and what they see.
ASK = """
from django.test import Client
from shop.flags import flags
from shop.wsgi import application
assert flags.ready(20)
def seen(path, visitor="", country=""):
    client = Client(headers={"x-country": country})
    if visitor:
        client.cookies["visitor"] = visitor
    return client.get(path).content.decode()
print(seen("/checkout"), seen("/checkout", "ann"), seen("/checkout", "bob"), seen("/checkout", "bob", "US"))
print(seen("/banner", "bob"))
"""


def test_flags_in_django(server: Server, tmp_path: Path) -> None:
    server.ask("/v1/apply", {"text": FLAGS})

    def run(*arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    run("-m", "django", "startproject", "shop", ".")
    (tmp_path / "fader-data").mkdir()
    (tmp_path / "fader-data" / "server-key").write_text("server-key\n")
    (tmp_path / "fader-data" / "events-token").write_text("events\n")
    for name, text in FILES.items():
        (tmp_path / name).write_text(text.replace("http://127.0.0.1:7070", server.url))
    (tmp_path / "shop" / "urls.py").write_text(URLS)
    with (tmp_path / "shop" / "settings.py").open("a") as file:
        file.write("\n".join(SETTINGS) + 'ALLOWED_HOSTS = ["testserver"]\n')
    assert run("manage.py", "shell", "--no-imports", "--command", ASK).splitlines() == ["old new old new", "spring"]
    assert "Ran 2 tests" in run("manage.py", "test", "shop")


def test_no_code_of_the_page_is_left_out() -> None:
    assert list(FILES) == ["shop/flags.py", "shop/views.py", "shop/errors.py", "shop/tests.py"]
    assert PAGE.count("```python") == len(FILES) + len(SETTINGS)
