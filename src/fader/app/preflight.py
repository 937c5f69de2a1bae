"""Everything that can be known to be wrong before a process is started."""

from __future__ import annotations

import contextlib
import os
import socket
from pathlib import Path

from fader.app.data import DataDirectory
from fader.app.listening import listen
from fader.errors import BadInput, Problem
from fader.gateway.binary import find_envoy
from fader.gateway.layout import LONGEST_DIRECTORY
from fader.gateway.lock import Lock
from fader.schema.document import load_document
from fader.storage.database import open_sqlite


def check(data: DataDirectory, file: Path | None, host: str, port: int, environment: str = "") -> str:
    """The text of `file` ("" without one), once all is well. Raises BadInput, Corrupt."""
    text = ""
    if file is not None:
        try:
            text = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as e:
            why = (e.strerror or str(e)).lower() if isinstance(e, OSError) else "it is not UTF-8 text"
            raise BadInput(Problem(f"cannot be read: {why}", "give the file with -f", str(file))) from None
        document = load_document(text, str(file), environment)
    find_envoy()
    if (length := len(os.fsencode(data.gateway))) > LONGEST_DIRECTORY:
        raise BadInput(
            Problem(
                f"the path is too long for a socket in it, by {length - LONGEST_DIRECTORY} bytes",
                "give a data directory with a shorter path (--data-dir)",
                str(data.path),
            )
        )
    open_sqlite(data.state).dispose()
    listen(host, port).close()
    if file is not None and not _serving(data.gateway):  # a gateway of ours that still serves holds its ports rightly
        problems = []
        for service in document.services:
            if why := _taken(service.listen.host, service.listen.port):
                problems.append(
                    document.problem(
                        ("services", service.name, "listen"),
                        f"port {service.listen.port} of service {service.name} cannot be opened: {why}",
                        "stop what uses it, or choose another port",
                    )
                )
        if problems:
            raise BadInput(*problems)
    return text


def _serving(gateway: Path) -> bool:
    """Whether an Envoy of this directory lives: its lock is its own for as long as it does."""
    lock = Lock(gateway / "envoy.lock")
    if lock.take("no Envoy"):
        lock.let_go()
        return False
    return True


def _taken(host: str, port: int) -> str:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with contextlib.closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as e:
            return (e.strerror or str(e)).lower()
    return ""
