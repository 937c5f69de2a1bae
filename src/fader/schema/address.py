"""Where something listens (`127.0.0.1:8080`) or is reached (`http://127.0.0.1:9001`)."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator

from fader.model.service import Address
from fader.schema.suggest import quoted, wrong

_LISTEN_FIX = "write an address and a port, e.g. 127.0.0.1:8080"
_URL_FIX = "write http://HOST:PORT or https://HOST:PORT, e.g. http://127.0.0.1:9001"
_HOST = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?)*"
)


def _port(text: str, value: object, fix: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise wrong(f"{quoted(value)} has no port", fix)
    if not 1 <= int(text) <= 65_535:
        raise wrong(f"port {text} is out of range", "use a port from 1 to 65535")
    return int(text)


def is_ip(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def parse_listen(value: object) -> Address:
    """`IP:PORT`, `[IPv6]:PORT` or `localhost:PORT`. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not an address", _LISTEN_FIX)
    if re.fullmatch(r"[0-9]+", value):
        raise wrong(f"{quoted(value)} has no address", f"write 127.0.0.1:{value}")
    host, _, port = value.rpartition(":")
    if not host:
        raise wrong(f"{quoted(value)} has no port", _LISTEN_FIX)
    number = _port(port, value, _LISTEN_FIX)
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    if bare == "localhost":
        bare = "127.0.0.1"
    if not is_ip(bare) or (":" in bare) != host.startswith("["):
        raise wrong(f"{quoted(host)} is not an IP address of this machine", _LISTEN_FIX)
    return Address(bare, number)


def parse_url(value: object) -> Address:
    """An upstream's origin; the port defaults to 80 or 443. Raises PydanticCustomError."""
    if not isinstance(value, str):
        raise wrong("is not a URL", _URL_FIX)
    if "://" not in value:
        raise wrong(f"{quoted(value)} has no scheme", f"write http://{value}")
    try:
        parts = urlsplit(value)
        host = parts.hostname or ""
    except ValueError:
        raise wrong(f"{quoted(value)} is not a URL", _URL_FIX) from None
    if parts.scheme not in {"http", "https"}:
        raise wrong(f"{quoted(value)} has the unknown scheme {parts.scheme}", _URL_FIX)
    if parts.username is not None or parts.query or parts.fragment or parts.path not in {"", "/"}:
        raise wrong(
            f"{quoted(value)} holds more than a host and a port",
            f"write {parts.scheme}://{parts.netloc.rpartition('@')[2]}; the request's own path is kept",
        )
    if not (is_ip(host) or _HOST.fullmatch(host)):
        raise wrong(f"{quoted(value)} has no valid host", _URL_FIX)
    tail = parts.netloc.rpartition("]")[2] if "]" in parts.netloc else parts.netloc
    port = tail.rpartition(":")[2] if ":" in tail else ("443" if parts.scheme == "https" else "80")
    return Address(host, _port(port, value, _URL_FIX), tls=parts.scheme == "https")


def parse_host(value: object) -> str:
    """A host of `hosts:` in lower case: a name, `*.name` or `*`. Raises PydanticCustomError."""
    fix = 'write a host name, "*.example.com" or "*"'
    if not isinstance(value, str):
        raise wrong("is not a host name", fix)
    host = value.lower()
    if re.fullmatch(r".+:[0-9]+", host):
        raise wrong(f"{quoted(value)} names a port", f"write {host.rpartition(':')[0]}; the port stands in listen")
    if host != "*" and not _HOST.fullmatch(host.removeprefix("*.")):
        raise wrong(f"{quoted(value)} is not a host name", fix)
    return host


Listen = Annotated[Address, BeforeValidator(parse_listen, json_schema_input_type=str)]
Endpoint = Annotated[Address, BeforeValidator(parse_url, json_schema_input_type=str)]
Host = Annotated[str, BeforeValidator(parse_host, json_schema_input_type=str)]
