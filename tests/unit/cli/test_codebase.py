"""Telling the server where source names the flags, against a stand-in server."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from fader.cli.codebase import name_of, named, root_of
from fader.errors import BadInput
from fader.model.codebase import LONGEST_PLACE, PLACES

if TYPE_CHECKING:
    from conftest import Fader, Shop

with_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not here to be asked")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A folder in which two files name checkout three times."""
    folder = tmp_path / "shop"
    (folder / "src").mkdir(parents=True)
    (folder / "src" / "a.py").write_text("on('checkout')\nx\non('checkout')\n")
    (folder / "src" / "b.ts").write_text('on("checkout")')
    return folder


def checkout_of(folder: Path, origin: str) -> None:
    subprocess.run(["git", "init", "-q", folder], check=True)
    if origin:
        subprocess.run(["git", "-C", folder, "config", "remote.origin.url", origin], check=True)


def told(shop: Shop) -> list[tuple[str, Any]]:
    return [(path, body) for method, path, body in shop.asked if method == "PUT"]


def test_a_report_says_where_each_flag_of_the_server_stands(fader: Fader, shop: Shop, source: Path) -> None:
    ended = fader("flags", "unused", "--code", str(source), "--report")
    assert ended.code == 0
    assert "reported as shop: it names 1 of 1 flags; no longer: old-form" in ended.out
    places = ["src/a.py:1", "src/a.py:3", "src/b.ts:1"]
    checkout = {"flag": "checkout", "references": 3, "files": 2, "places": places}
    assert told(shop) == [("/v1/codebases/shop", {"flags": [checkout]})]


def test_what_is_not_named_is_told_too(fader: Fader, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    ended = fader("flags", "unused", "--code", str(tmp_path / "a.py"), "--report", "--as", "web", "--json")
    assert told(shop) == [
        ("/v1/codebases/web", {"flags": [{"flag": "checkout", "references": 0, "files": 0, "places": []}]})
    ]
    answer = json.loads(ended.out)
    assert answer["report"]["codebase"]["name"] == "web"
    assert answer["flags"][0]["places"] == []


def test_without_the_option_nothing_is_told(fader: Fader, shop: Shop, source: Path) -> None:
    ended = fader("flags", "unused", "--code", str(source))
    assert (ended.code, told(shop), "reported" in ended.out) == (0, [], False)
    assert "report" not in json.loads(fader("flags", "unused", "--code", str(source), "--json").out)


def test_what_was_not_searched_is_not_reported_as_empty(fader: Fader, shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    ended = fader("flags", "unused", "--code", str(tmp_path / "empty"), "--report")
    assert (ended.code, told(shop)) == (2, [])
    assert "there is no source here, so that nothing is reported" in ended.err


def test_source_that_cannot_be_read_may_name_a_flag(fader: Fader, shop: Shop, source: Path) -> None:
    """Here a file that even root cannot read."""
    (source / "src" / "c.py").symlink_to("/proc/self/mem")
    ended = fader("flags", "unused", "--code", str(source), "--report")
    assert (ended.code, told(shop)) == (2, [])
    assert f"not all source can be read, so that nothing is reported: {source}/src/c.py" in ended.err
    assert fader("flags", "unused", "--code", str(source)).code == 0


def test_a_link_that_leads_nowhere_is_no_source(fader: Fader, shop: Shop, source: Path) -> None:
    (source / "dangling").symlink_to(source / "none")
    assert fader("flags", "unused", "--code", str(source), "--report").code == 0
    assert len(told(shop)) == 1


@pytest.mark.parametrize("arguments", [("--as", "web"), ("--report", "--as", "team/shop"), ("--report", "--as", "")])
def test_a_name_that_cannot_be_taken(fader: Fader, shop: Shop, source: Path, arguments: tuple[str, ...]) -> None:
    ended = fader("flags", "unused", "--code", str(source), *arguments)
    assert (ended.code, told(shop)) == (2, [])
    assert "fix: " in ended.err


@with_git
@pytest.mark.parametrize(
    ("origin", "name"),
    [
        ("https://ann:s3cret@git.example.com/team/web-shop.git", "web-shop"),
        ("git@git.example.com:team/web.shop.git", "web.shop"),
        ("ssh://git@git.example.com:2222/team/web-shop/", "web-shop"),
        ("/srv/git/web-shop", "web-shop"),
        ("https://s3cret@git.example.com", "shop"),
        ("https://git.example.com/web-shop?token=s3cret", "shop"),
        ("", "shop"),
    ],
)
def test_a_codebase_is_called_as_its_repository(source: Path, origin: str, name: str) -> None:
    checkout_of(source, origin)
    assert root_of(source / "src" / "a.py") == root_of(source) == source
    assert name_of(source) == name


def test_a_folder_whose_name_is_none_asks_for_one(tmp_path: Path) -> None:
    (tmp_path / ".odd").mkdir()
    with pytest.raises(BadInput, match="--as shop"):
        name_of(tmp_path / ".odd")


def test_without_a_repository_paths_are_below_where_one_stands(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    assert root_of(Path("src")) == source
    assert root_of(tmp_path) == tmp_path
    found = {"f": [("src/a.py", 1), (str(tmp_path / "elsewhere.py"), 2)]}
    assert named(found, source)[0]["places"] == ["src/a.py:1", "../elsewhere.py:2"]


def test_places_are_few_short_and_printable(tmp_path: Path) -> None:
    deep = "/".join(["folder"] * 60)
    files = [f"{deep}/last.py", "a\u202eb.py", "a\udcffb.py", *(f"{i}.py" for i in range(9))]
    [told] = named({"f": [(str(tmp_path / file), 12) for file in files]}, tmp_path)
    assert (told["references"], told["files"], len(told["places"])) == (12, 12, PLACES)
    first, second, third, *_ = told["places"]
    assert len(first) == LONGEST_PLACE
    assert first.startswith("…")
    assert first.endswith("folder/last.py:12")
    assert (second, third) == ("a\ufffdb.py:12", "a\ufffdb.py:12")


def test_a_codebase_is_forgotten(fader: Fader, shop: Shop) -> None:
    ended = fader("flags", "forget", "old-shop")
    assert (ended.code, ended.out) == (0, "codebase old-shop is forgotten\n")
    assert ("DELETE", "/v1/codebases/old-shop", None) in shop.asked
    assert fader("flags", "forget", "none").code == 4
    assert json.loads(fader("flags", "forget", "old-shop", "--json").out)["name"] == "old-shop"
