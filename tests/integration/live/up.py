"""`fader up` as a person starts it, on loopback, for tests of what speaks with it. Always ended."""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

PATIENCE = 60.0


class Fader:
    """The server's `url`, and the keys in its data directory."""

    def __init__(self, folder: Path, text: str, environment: str = "") -> None:
        """`environment`: which of the file's it is, with a data directory of that name; "" for none."""
        (folder / "fader.yaml").write_text(text)
        self.folder, self.port, self.environment = folder, free_port(), environment
        self.data = folder / (environment or "fader-data")
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self._starts = 0

    def key(self, name: str) -> str:
        """Of `token`, `server-key`, `client-key` and `events-token`."""
        return (self.data / name).read_text().strip()

    def start(self) -> None:
        command = [sys.executable, "-m", "fader.cli.entry", "up", "--port", str(self.port)]
        if self.environment:
            command += ["--environment", self.environment, "--data-dir", self.data.name]
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log)
        self._starts += 1
        until(self._is_up, self.log)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(45)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def post(self, path: str, body: Any, key: str = "token", **headers: str) -> tuple[int, Any]:
        """Status and answer."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            given = {"Authorization": f"Bearer {self.key(key)}", **headers}
            connection.request("POST", path, json.dumps(body), given)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")

    def get(self, path: str) -> Any:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)) as connection:
            connection.request("GET", path, headers={"Authorization": f"Bearer {self.key('token')}"})
            return json.loads(connection.getresponse().read())

    def switch(self, flag: str, command: str) -> None:
        assert self.post(f"/v1/flags/{flag}/{command}", {"reason": "test"})[0] == 200

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    @property
    def _log(self) -> Path:
        return self.folder / f"up{self.environment}.log"

    def _is_up(self) -> bool:
        """The last line of the start is said when the file is applied."""
        assert self.process is not None
        assert self.process.poll() is None, self.log()
        return self.log().count("Ctrl-C stops") == self._starts


@contextmanager
def fader_up(folder: Path, text: str, environment: str = "") -> Iterator[Fader]:
    """With `text` as fader.yaml."""
    fader = Fader(folder, text, environment)
    try:
        fader.start()
        yield fader
    finally:
        fader.stop()


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def until(happens: Callable[[], bool], otherwise: Callable[[], str] = str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not happens():
        assert time.monotonic() < give_up, otherwise()
        time.sleep(0.02)
