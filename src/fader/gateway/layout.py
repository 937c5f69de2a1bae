"""Where the files of one gateway lie. Everything that Envoy reads or writes is under one directory (mode 0700)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

#: The kernel takes 107 bytes for a Unix socket's path; names in the directory need up to 20.
LONGEST_DIRECTORY = 86


@dataclass(frozen=True, slots=True)
class Layout:
    """`directory` is absolute. `ca` is the file of certificate authorities against which upstream TLS is verified
    (the agent passes that of the operating system); without it upstream certificates are not verified.

    `directory` takes no more than `LONGEST_DIRECTORY` bytes.
    """

    directory: Path
    ca: str = ""

    @property
    def bootstrap(self) -> Path:
        return self.directory / "bootstrap.json"

    @property
    def lds(self) -> Path:
        return self.directory / "lds.json"

    @property
    def cds(self) -> Path:
        return self.directory / "cds.json"

    @property
    def rtds(self) -> Path:
        return self.directory / "rtds.json"

    def rds(self, listener: str) -> Path:
        """One file of routes per listener, so that a bad one cannot touch another port."""
        return self.directory / f"rds-{listener}.json"

    def sds(self, secret: str) -> Path:
        return self.directory / f"sds-{secret}.json"

    def stream(self, digest: str) -> Path:
        """The socket of the inner listener through which the long-lived streams of one version go."""
        return self.directory / f"s-{digest}.sock"

    @property
    def admin(self) -> Path:
        return self.directory / "admin.sock"

    @property
    def access_log(self) -> Path:
        return self.directory / "access.log"
