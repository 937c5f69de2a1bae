"""The data directory: what lies where, who may read it, and who holds it now."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from fader.api.auth import Tokens
from fader.errors import BadInput, Problem


class DataDirectory:
    """`state.db` and `events/` belong to the server, `gateway/` to the agent, the tokens to both; `events-token` is
    for the apps that send events."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        self.state = self.path / "state.db"
        self.events = self.path / "events"
        self.gateway = self.path / "gateway"
        self.token = self.path / "token"
        self.gateway_token = self.path / "gateway-token"
        self.events_token = self.path / "events-token"
        self.server_key = self.path / "server-key"
        self.client_key = self.path / "client-key"
        self.logs = self.path / "logs"
        self.environment = self.path / "environment"

    def prepare(self) -> Tokens:
        """Make the directory (0700) and the tokens (0600) where they are missing. Raises BadInput."""
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.events, self.gateway, self.logs):
                folder.mkdir(mode=0o700, exist_ok=True)
            if not os.access(self.path, os.W_OK | os.X_OK):
                raise PermissionError(13, "permission denied")
            files = (self.token, self.gateway_token, self.events_token, self.server_key, self.client_key)
            return Tokens(*map(_secret, files))
        except OSError as e:
            why = (e.strerror or str(e)).lower()
            raise BadInput(
                Problem(
                    f"the data directory cannot be used: {why}",
                    "make it writable for this user, or give another one with --data-dir",
                    str(self.path),
                )
            ) from None

    def keep_environment(self, environment: str) -> None:
        """States of one environment are never another's: the directory becomes that of the first server that runs on
        it, and stays so. Raises BadInput."""
        self.refuse_other(environment)
        if not self.environment.exists():
            self.environment.write_text(environment + "\n")

    def refuse_other(self, environment: str) -> None:
        """Raises BadInput where the directory is another environment's. Before any server ran on it, it is nobody's."""
        if not self.environment.exists():
            return
        kept = self.environment.read_text().strip()
        if kept != environment:
            mine, other = (f"environment {kept}" if kept else "no environment"), environment or "none"
            fix = f"start it {f'with --environment {kept}' if kept else 'without --environment'}, or give another"
            message = f"the data directory is of {mine}, and this fader is of {other}"
            raise BadInput(Problem(message, f"{fix} one with --data-dir", str(self.path)))

    def hold(self) -> int:
        """Lock the directory for this process; the descriptor keeps the lock. Raises BadInput naming the holder."""
        descriptor = os.open(self.path / "up.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 20).decode().strip() or "unknown"
            os.close(descriptor)
            raise BadInput(
                Problem(
                    f"another fader runs on this data directory (process {holder})",
                    "stop it first, or give this one another --data-dir",
                    str(self.path),
                )
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())
        return descriptor


def _secret(path: Path) -> str:
    """The secret in the file, made on first use. Written beside and renamed, so that it is never half there."""
    if not path.exists():
        beside = path.with_suffix(".new")
        beside.touch(mode=0o600)
        beside.write_text(secrets.token_urlsafe(32) + "\n")
        beside.rename(path)
    return path.read_text().strip()
