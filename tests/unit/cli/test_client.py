"""What the client makes of servers that are not there, not ours, or in trouble; and how it finds its token."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from fader.cli.client import Client
from fader.cli.entry import run
from fader.cli.options import find_token
from fader.errors import BadInput, Unavailable

if TYPE_CHECKING:
    from conftest import Fader, Shop


def free_url() -> str:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{s.getsockname()[1]}"


def test_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    url = free_url()
    assert run(["status", "--server", url]) == 5
    assert capsys.readouterr().err == f"fader: no fader server at {url}; start one with `fader up`\n"


@pytest.mark.parametrize(
    ("status", "body", "code", "message"),
    [
        (200, b"<html>", 5, "is no fader server; give the right address with --server"),
        (404, b"<html>", 5, "is no fader server; give the right address with --server"),
        (500, b'{"detail": "an unexpected error"}', 1, "fader: an unexpected error (500)"),
        (502, b"[]", 1, "fader: the server answered 502 (502)"),
        (503, b'{"detail": "the store is busy"}', 5, "fader: the store is busy"),
        (403, b'{"detail": "another host"}', 3, "fader: another host"),
        (422, b'{"detail": "not JSON"}', 2, "not JSON"),
        (401, b"{}", 3, "fader: the server does not accept the token; give --token-file, FADER_TOKEN or --data-dir"),
    ],
)
def test_a_server_in_trouble(fader: Fader, shop: Shop, status: int, body: bytes, code: int, message: str) -> None:
    shop.down = (status, body)
    ended = fader("status")
    assert ended.code == code
    assert message in ended.err
    assert ended.out == ""


def test_what_speaks_no_http_is_no_server(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        import threading

        def answer() -> None:
            peer, _ = listening.accept()
            with peer:
                peer.recv(1000)
                peer.sendall(b"SSH-2.0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        assert run(["status", "--server", url]) == 5
        thread.join()
    assert "is it a fader server?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "server", ["127.0.0.1:7070", "http://", "http://h:x", "ftp://h", "http://h/path", "http://h:99999"]
)
def test_an_address_that_is_none(server: str) -> None:
    with pytest.raises(BadInput):
        Client(server)


def test_a_stream_that_ends_is_told(shop: Shop) -> None:
    assert list(Client(shop.url, "operator-token").changes()) == ["", "other", "shop-v2"]
    with pytest.raises(Unavailable):
        list(Client(free_url()).changes())


def test_where_the_token_comes_from(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("of-the-data\n")
    (tmp_path / "mine").write_text(" of-the-file \n")
    assert find_token(None, tmp_path) == "of-the-data"
    assert find_token(tmp_path / "mine", tmp_path) == "of-the-file"
    assert find_token(None, tmp_path / "nowhere") == ""
    with pytest.raises(BadInput) as error:
        find_token(tmp_path / "gone", tmp_path)
    assert "there is no such token file" in str(error.value)
    with pytest.raises(BadInput) as error:
        find_token(tmp_path, tmp_path)
    assert "the token cannot be read: is a directory" in str(error.value)


def test_the_token_of_the_environment(shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FADER_TOKEN", "operator-token")
    monkeypatch.setenv("FADER_SERVER", shop.url)
    assert run(["status", "--data-dir", str(tmp_path), "--json"]) == 0


def test_a_usage_error_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["start"]) == 2
    assert "fix: see fader start --help" in capsys.readouterr().err
    assert run(["bogus", "--json"]) == 2
    assert json.loads(capsys.readouterr().err)["exit_code"] == 2
    assert run(["demo", "--scenario", "fire"]) == 2
    assert "healthy" in capsys.readouterr().err


def test_no_proxy_of_the_environment_is_asked(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", free_url())
    assert os.environ["http_proxy"]
    assert Client(shop.url).health()["status"] == "ok"
