"""The gateway agent as a process of `fader up`, or alone on a machine of a fleet."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

from fader.app.data import DataDirectory
from fader.gateway.agent import AgentConfig, run_agent

#: Where Linux distributions keep the certificate authorities of the system.
AUTHORITIES = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)


def run(*, data_dir: Path, server: str) -> int:
    """Run until SIGTERM or SIGINT, or until the supervisor has gone. Raises BadInput."""
    data = DataDirectory(data_dir)
    data.prepare()
    config = AgentConfig(
        directory=data.gateway,
        server=server,
        token_file=data.gateway_token,
        log_format="json",
        supervised="FADER_SUPERVISED" in os.environ,
        ca=next((path for path in AUTHORITIES if Path(path).exists()), ""),
    )
    return asyncio.run(run_agent(config))
