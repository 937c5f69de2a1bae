"""What the settings page tells of this server."""

from __future__ import annotations

import platform
import shutil
from pathlib import Path

from fader import __version__
from fader.app.data import DataDirectory
from fader.engine.retention import KEEP
from fader.model.installation import Installation, Key


def in_memory() -> Installation:
    return Installation(__version__, platform.python_version(), KEEP)


def installed(data: DataDirectory, environment: str = "") -> Installation:
    return Installation(
        version=__version__,
        python=platform.python_version(),
        keep=KEEP,
        data=str(data.path),
        environment=environment,
        state_bytes=sum(map(_size, data.path.glob(f"{data.state.name}*"))),
        event_bytes=sum(map(_size, data.events.rglob("*"))),
        free_bytes=shutil.disk_usage(data.path).free,
        keys=(
            Key("operator", "everything: this dashboard, the command line, the API", data.token.name),
            Key("gateway", "what gateways ask and report, and nothing else", data.gateway_token.name),
            Key("events", "tells what users did, and nothing else", data.events_token.name),
            Key(
                "server",
                "reads and evaluates all flags, and tells what users did, in apps on servers",
                data.server_key.name,
            ),
            Key("client", "evaluates the flags marked for clients; no secret", data.client_key.name),
        ),
    )


def _size(path: Path) -> int:
    """Bytes; 0 of what is gone meanwhile."""
    try:
        return path.stat().st_size if path.is_file() else 0
    except OSError:
        return 0
